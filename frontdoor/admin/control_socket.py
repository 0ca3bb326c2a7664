"""The control socket's place in the file system: whoever may write to the file may command the frontdoor.

It appears in one step, with its mode, so that nobody ever finds one that is too open or does not listen yet. What lies
there already is judged first, under a lock on the directory, so that two that start at once cannot both find it free:

1. Nothing                           -> ours
2. A socket that nobody listens on   -> left over from a frontdoor that was killed: replaced
3. A socket that somebody listens on -> refused: that frontdoor would lose its admin
4. Anything else                     -> refused: it is not ours to remove
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MODE = 0o660
BACKLOG = 16
MAX_PATH_BYTES = 107  # unix(7): sun_path has room for 108, and one of them ends it

# which file this is, whatever its name: device and inode
Mark = tuple[int, int]


@dataclass(frozen=True)
class ControlSocket:
    """A listening socket and its file. `mark` None: there is none that is ours."""

    path: Path
    listener: socket.socket
    mark: Mark | None

    def remove(self) -> None:
        """Takes the file away if it is still this one; whoever came after keeps theirs."""
        with suppress(OSError), _locked(self.path.parent):
            if self.mark is not None and _mark(self.path) == self.mark:
                self.path.unlink()

    def close(self) -> None:
        self.listener.close()


def create(path: Path) -> ControlSocket:
    """Listens at `path`, mode 0660. Raises OSError; its words and `filename` tell why and where."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    room = MAX_PATH_BYTES - len(os.fsencode(temporary.name)) + len(os.fsencode(path.name))
    if len(os.fsencode(path)) > room:
        raise OSError(errno.ENAMETOOLONG, f"the path of a socket has up to {room} bytes", str(path))
    with _locked(path.parent):
        _judge(path)
        listener = _listening(temporary)
        os.rename(temporary, path)
        return ControlSocket(path, listener, _mark(path))


def adopt(path: Path, listener: socket.socket) -> ControlSocket:
    """A socket that somebody else has made there: the process before this one, or systemd."""
    listener.setblocking(False)
    return ControlSocket(path, listener, _mark(path))


def _listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)  # of one with our process id, long ago
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(os.fspath(path))
        os.chmod(path, MODE)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        path.unlink(missing_ok=True)
        raise
    listener.setblocking(False)
    return listener


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _judge(path: Path) -> None:
    """Raises OSError; see the module's list."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:  # 1
        return
    if not stat.S_ISSOCK(found.st_mode):  # 4
        raise OSError(errno.EEXIST, "it is there already, and is no socket", str(path))
    if _is_listened_on(path):  # 3
        raise OSError(errno.EADDRINUSE, "another frontdoor listens there", str(path))
    # 2


def _is_listened_on(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        error = probe.connect_ex(os.fspath(path))
    # EAGAIN: its line is full, so there is one; EACCES: it cannot be asked, so nobody may call it dead
    return error not in (errno.ECONNREFUSED, errno.ENOENT)


def _mark(path: Path) -> Mark | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
