from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from frontdoor.process import listeners
from frontdoor.process.listeners import Listeners, NotListening
from frontdoor.process.systemd import PassedFd


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def unix(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        listener.listen()
        yield listener


def passed(listener: socket.socket, name: str = "unknown") -> PassedFd:
    """What systemd would hand in: a descriptor that is nobody else's."""
    return PassedFd(os.dup(listener.fileno()), name)


def taken(*given: PassedFd) -> Listeners:
    found = listeners.take(given)
    assert found is not None
    return found


def test_an_address_is_bound_and_listened_on() -> None:
    bound = listeners.bind("127.0.0.1", 0)
    host, port = bound.address
    with socket.create_connection((host, port)) as client:
        assert client.getpeername() == (host, port)
    bound.close()


def test_a_name_may_have_several_addresses() -> None:
    bound = listeners.bind("localhost", 0)
    assert {each.family for each in bound.http} <= {socket.AF_INET, socket.AF_INET6}
    bound.close()


def test_a_taken_port_is_an_error_and_leaves_nothing_open(tcp: socket.socket) -> None:
    with pytest.raises(OSError, match="in use"):
        listeners.bind(*tcp.getsockname())


def test_nothing_handed_in_is_none() -> None:
    assert listeners.take([]) is None


def test_a_socket_of_systemds_is_used_as_it_is(tcp: socket.socket) -> None:
    found = taken(passed(tcp))
    assert (found.address, found.control) == (tcp.getsockname(), None)
    assert not found.http[0].getblocking()
    assert not found.http[0].get_inheritable()
    found.close()


@pytest.mark.parametrize("name", ["unknown", "control", "b70-openai-frontdoor.socket"])
def test_a_unix_socket_is_for_commands(tcp: socket.socket, unix: socket.socket, name: str) -> None:
    found = taken(passed(unix, name), passed(tcp))
    assert found.control is not None
    assert (found.control.family, len(found.http)) == (socket.AF_UNIX, 1)
    found.close()


def test_two_addresses_are_both_for_clients(tcp: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = taken(passed(tcp), passed(other))
        assert [each.getsockname() for each in found.http] == [tcp.getsockname(), other.getsockname()]
        found.close()


def test_commands_alone_are_not_enough(unix: socket.socket) -> None:
    given = [passed(unix)]
    with pytest.raises(NotListening, match="found 0 for clients and 1 for commands"):
        listeners.take(given)


def test_what_does_not_listen_is_named() -> None:
    with socket.socket() as idle:
        given = passed(idle, "web")
    with pytest.raises(NotListening, match=rf"fd {given.fd} \(web\): found a socket that does not listen"):
        listeners.take([given])


def test_what_is_no_socket_is_named(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(NotListening, match=rf"fd {fd} \(unknown\): .*not a socket|Socket operation"):
        listeners.take([PassedFd(fd, "unknown")])
    os.close(fd)


def test_a_file_that_is_not_open_is_named() -> None:
    with pytest.raises(NotListening, match="Bad file descriptor"):
        listeners.take([PassedFd(60_000, "unknown")])
