"""Which rungs of the ladder were done: `recovery.json`. A boot clears it away, as it ends the climb."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from slot.atomic_file import write_atomically
from slot.bad_json import BAD_JSON
from slot.cards.ladder import Done

FILE_NAME = "recovery.json"


def read(directory: Path) -> tuple[Done, ...]:
    """Oldest first. What nobody can read was never done. Raises OSError."""
    try:
        return msgspec.json.decode((directory / FILE_NAME).read_bytes(), type=tuple[Done, ...])
    except (FileNotFoundError, *BAD_JSON):
        return ()


def write(directory: Path, done: Sequence[Done]) -> None:
    """Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    write_atomically(directory / FILE_NAME, msgspec.json.encode(tuple(done)) + b"\n")


def of_this_failure(done: Sequence[Done], failed_at: float | None) -> tuple[Done, ...]:
    """Without those of an earlier climb: whoever failed since then (seconds since the epoch) begins at the bottom."""
    is_stale = bool(done) and failed_at is not None and failed_at > done[-1].at
    return () if is_stale else tuple(done)
