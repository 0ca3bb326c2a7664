"""Reads a file that somebody else wrote, and who may have laid something else in its place.

The run directory is the slot's user's, and the engine is that user too. What root and the frontdoor read there must
not keep them: a pipe is never at its end, a link may lead to a device, and a file may be larger than the memory.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


class NoPlainFile(OSError):
    """There is something, and it is no file, or a larger one than is sensible."""


def read(path: Path, most_bytes: int) -> bytes:
    """All of a file of at most `most_bytes`. Raises FileNotFoundError, NoPlainFile, OSError. Never waits."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket
            raise NoPlainFile(errno.EINVAL, "not a file", str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NoPlainFile(errno.EINVAL, "not a file", str(path))
    with open(handle, "rb") as file:
        text = file.read(most_bytes + 1)
    if len(text) > most_bytes:
        raise NoPlainFile(errno.EFBIG, f"larger than {most_bytes} bytes", str(path))
    return text
