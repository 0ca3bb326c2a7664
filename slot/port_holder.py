"""Who listens on a port of this host? For whoever found it taken: the doctor, and a frontdoor that starts.

Source: proc_pid_net(5), `/proc/net/tcp` and `tcp6`: addresses in hexadecimal, each 32-bit word in host byte order,
state 0A is LISTEN; the socket's inode leads to its owner through `/proc/PID/fd`, where the reader may look.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slot.process_words import process_words

LISTEN = "0A"


@dataclass(frozen=True)
class Listener:
    address: str
    port: int
    uid: int
    inode: int


@dataclass(frozen=True)
class Holder:
    """Whoever holds a port. `pid` is None where its processes may not be looked into."""

    pid: int | None
    command: str
    uid: int

    def __str__(self) -> str:
        if self.pid is None:
            return f"a process of user id {self.uid}"
        return process_words(self.command, self.pid)


def holder_of(port: int, proc: Path) -> Holder | None:
    """Whoever listens on `port`, on any address; None where nobody is seen to."""
    listener = next((each for each in all_listeners(proc) if each.port == port), None)
    if listener is None:
        return None
    pid = owner_of(listener.inode, proc)
    return Holder(pid, command_of(pid, proc) if pid is not None else "", listener.uid)


def busy(holder: Holder | None) -> str:
    """What is wrong with a port that somebody has, in words; None: nobody is seen to."""
    return f"busy: held by {holder or 'a process that cannot be seen from here'}"


def all_listeners(proc: Path) -> Iterator[Listener]:
    for table in ("net/tcp", "net/tcp6"):
        try:
            yield from listening((proc / table).read_text())
        except OSError:
            continue  # no IPv6 on this host


def listening(table: str) -> Iterator[Listener]:
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == LISTEN:
            address, _, port = fields[1].partition(":")
            yield Listener(address_of(address), int(port, 16), int(fields[7]), int(fields[9]))


def address_of(hexadecimal: str) -> str:
    words = bytes.fromhex(hexadecimal)
    packed = b"".join(struct.pack("!I", *struct.unpack("=I", words[at : at + 4])) for at in range(0, len(words), 4))
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def owner_of(inode: int, proc: Path) -> int | None:
    wanted = f"socket:[{inode}]"
    processes = (path for path in proc.glob("[0-9]*") if wanted in open_files(path))
    return next((int(process.name) for process in processes), None)


def open_files(process: Path) -> Iterator[str]:
    try:
        handles = list((process / "fd").iterdir())
    except OSError:
        return  # not ours to look into, or gone meanwhile
    for handle in handles:
        try:
            yield os.readlink(handle)
        except OSError:
            continue  # closed meanwhile


def command_of(pid: int, proc: Path) -> str:
    """The program's name and its first words, as they were given."""
    try:
        words = (proc / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    return " ".join([Path(words[0]).name, *words[1:4]]).strip()
