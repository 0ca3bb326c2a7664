"""The history of loads on disk: one JSON line per load that ended with a generated token.

It serves ETAs and nothing else: losing it costs nothing, and a slot never fails because of it.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from slot.supervisor.progress import LoadRecord

# The newest loads are at the end; a few hundred of them are plenty.
_READ_BYTES = 128 * 1024


def read_lines(path: Path) -> list[bytes]:
    """The newest lines, oldest first; the first may be cut. None of them where there is no file. Raises OSError."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _READ_BYTES))
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def append(path: Path, record: LoadRecord) -> None:
    """Adds one line in one write. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(msgspec.json.encode(record) + b"\n")
