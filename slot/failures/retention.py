"""Which incidents are kept: the newest, as long as they are few, small together and not old.

1. The newest one stays, whatever it weighs: it is the one that somebody will ask for.
2. Of the others go: those after the first MOST, those older than MOST_S, and, from the newest on, all from the one
   that would bring the sum above MOST_BYTES.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

MOST = 20
MOST_BYTES = 200 * 1024 * 1024
MOST_S = 90 * 24 * 3600.0


@dataclass(frozen=True)
class Entry:
    """One incident on the disk: its directory's name, when it happened (seconds since the epoch), what it weighs."""

    name: str
    at: float
    bytes: int


def to_remove(entries: Iterable[Entry], now: float) -> list[str]:
    """The names of those that go, oldest last. `now` is seconds since the epoch."""
    newest_first = sorted(entries, key=lambda each: (each.at, each.name), reverse=True)
    sums = accumulate(each.bytes for each in newest_first)
    return [
        each.name
        for place, (each, together) in enumerate(zip(newest_first, sums, strict=True))
        if place > 0 and (place >= MOST or together > MOST_BYTES or now - each.at > MOST_S)
    ]
