"""A file of records, one JSON line each, the newest last: appended to, and read from its end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from slot.bad_json import BAD_JSON

MOST_BYTES = 256 * 1024
"""How much of a file is read: the newest few hundred records."""

R = TypeVar("R", bound=msgspec.Struct)


def append(path: Path, record: msgspec.Struct, *, is_synced: bool = False) -> None:
    """Adds one line in one write. `is_synced`: when this returns, a boot finds it, too. Raises OSError.

    Behind a line that was cut it begins another: one record is lost by a full disk then, and not two.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        line = msgspec.json.encode(record) + b"\n"
        if file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
            line = b"\n" + line
        file.write(line)
        if is_synced:
            file.flush()
            os.fsync(file.fileno())


def tail(path: Path, kind: type[R]) -> list[R]:
    """The newest records, oldest first; none of them where there is no file. Raises OSError.

    Lines that are no record are passed over: a crash or a full disk may have cut one, and we the first that is read.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - MOST_BYTES))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    return list(_records(lines, kind))


def _records(lines: Iterable[bytes], kind: type[R]) -> Iterator[R]:
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=kind)
        except BAD_JSON:
            continue
