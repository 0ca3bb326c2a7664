"""One thing, one doer: a lock on a file, which the kernel lets go when the last process that holds it is gone.

The slot has one, and the switch has one. The file names the holders, the first one first; it stays behind and means
nothing without the lock. The engine's keeper inherits the slot's lock, so a slot whose supervisor was killed stays
locked until its engine is gone as well.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Held(Exception):
    """Somebody else has the lock. `pid` is a process that holds it, or None where the file does not say."""

    def __init__(self, path: Path, pid: int | None) -> None:
        self.path = path
        self.pid = pid
        self.holder = "another process" if pid is None else f"process {pid}"
        super().__init__(f"{path} is held by {self.holder}")


class Lock:
    """A lock that was taken; `close` or the end of the process gives it back."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def name_holders(self, *pids: int) -> None:
        """Writes who holds the lock, for whoever finds it held."""
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, "".join(f"{pid}\n" for pid in pids).encode(), 0)

    def close(self) -> None:
        os.close(self.fd)


def take(path: Path) -> Lock:
    """Takes the lock at once or raises Held. Raises OSError."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _first_alive(os.pread(fd, 4096, 0))
        os.close(fd)
        raise Held(path, holder) from None
    lock = Lock(fd)
    lock.name_holders(os.getpid())
    return lock


def holder(path: Path) -> Held | None:
    """Who holds the lock, or None where nobody does or there is no such file. Writes nothing. Raises OSError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # at a pipe nobody waits
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return Held(path, _first_alive(os.pread(fd, 4096, 0)))
    finally:
        os.close(fd)
    return None


def _first_alive(text: bytes) -> int | None:
    pids = [int(word) for word in text.split() if word.isdigit()]
    return next((pid for pid in pids if Path(f"/proc/{pid}").exists()), None)
