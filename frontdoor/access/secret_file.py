"""Reads a file that holds a secret: API keys, a private key. One that others may read is no secret, and is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from frontdoor.bad_settings import BadSettings

MAX_BYTES = 1 << 20


def read(path: Path, setting: str, *, is_secret: bool = True) -> bytes:
    """The file's content. `setting` is the variable that names it; `is_secret` False: others may read it.

    Raises BadSettings: it cannot be read, is no plain file, is larger than MAX_BYTES, or is readable for others.
    """
    try:
        # a pipe would let us wait for its other end
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _bad(setting, path, "it is not a plain file")
            content = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise _bad(setting, path, exc.strerror or str(exc)) from None
    if len(content) > MAX_BYTES:
        raise _bad(setting, path, f"it is larger than {MAX_BYTES} bytes")
    if is_secret and status.st_mode & stat.S_IRWXO:
        mode = stat.S_IMODE(status.st_mode)
        raise _bad(setting, path, f"everybody on this machine may use it (mode {mode:04o}); chmod o-rwx {path}")
    return content


def _bad(setting: str, path: Path, what: str) -> BadSettings:
    return BadSettings([f"{setting}: {path} cannot be used: {what}"])
