"""Reads a log that another process is writing: its last lines, or whatever is new since the last look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

LAST_BYTES = 32 * 1024


def last_lines(log: Path, count: int) -> list[str]:
    """The newest lines with anything in them. A log that cannot be read has none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - LAST_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-count:]


class Follower:
    """Gives each line once, as soon as it is whole."""

    def __init__(self, log: Path) -> None:
        self._file = log.open("rb")
        self._rest = b""

    def new_lines(self) -> Iterator[str]:
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        return (line.decode(errors="replace") for line in lines)

    def close(self) -> None:
        self._file.close()
