import os
import socket
from pathlib import Path

import pytest

from slot.port_holder import Holder, Listener, address_of, busy, holder_of, listening

# columns as the kernel writes them; the second socket is ESTABLISHED, not LISTEN
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:46A0 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 90001 1 0 100 0 0 10 0
   1: 0100007F:46A0 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 90002 1 0 20 4 30 10 -1
   2: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 90003 1 0 100 0 0 10 0
"""


def test_only_listening_sockets_are_listed() -> None:
    assert list(listening(TABLE)) == [
        Listener("127.0.0.1", 18080, 1000, 90001),
        Listener("0.0.0.0", 8000, 0, 90003),
    ]


@pytest.mark.parametrize(
    ("hexadecimal", "address"),
    [
        ("0100007F", "127.0.0.1"),
        ("0A02A8C0", "192.168.2.10"),
        ("00000000000000000000000001000000", "::1"),
        ("00000000000000000000000000000000", "::"),
    ],
)
def test_addresses_are_in_host_byte_order(hexadecimal: str, address: str) -> None:
    assert address_of(hexadecimal) == address


def test_a_holder_is_found_by_its_open_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        holder = holder_of(server.getsockname()[1], Path("/proc"))
    assert holder is not None
    assert (holder.pid, holder.uid) == (os.getpid(), os.getuid())
    assert f"(pid {os.getpid()})" in str(holder)


def test_a_holder_that_may_not_be_looked_into_is_still_a_user(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(TABLE)
    assert str(holder_of(18080, tmp_path)) == "a process of user id 1000"
    assert holder_of(18081, tmp_path) is None


def test_a_command_that_cannot_be_read_is_a_process() -> None:
    assert str(Holder(12, "", 0)) == "a process (pid 12)"


def test_a_holder_that_is_not_seen_is_said_to_be_there() -> None:
    assert busy(Holder(4711, "nginx", 0)) == "busy: held by nginx (pid 4711)"
    assert busy(None) == "busy: held by a process that cannot be seen from here"
