"""How far the running switch is, for those who watch it: one small file, gone with the boot.

How far a load is stands in the slot's `state.json`; here is what only the switch knows.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from slot.atomic_file import write_atomically
from slot.bad_json import BAD_JSON
from slot.switch.steps import Outcome

CHECK = "check"
"""The step before the first of the journal's: nothing has been touched."""


class Draining(msgspec.Struct, frozen=True):
    """Who is still being answered. `began_with`: how many there were at the pause."""

    active: int
    waiting: int
    oldest_s: float
    began_with: int

    def __str__(self) -> str:
        left = self.active + self.waiting
        return f"draining {left} of {max(self.began_with, left)}" + (f", oldest {self.oldest_s:.0f} s" if left else "")


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """`step` is `check` or a step of `slot.switch.steps`; `since` when it began, seconds since the epoch.

    `outcome` is set when all is over; how it went stands in the history under the same `id`.
    """

    id: str
    request: str
    came_from: str | None = msgspec.field(name="from")
    to: str
    step: str
    since: float
    why: str | None = None
    draining: Draining | None = None
    outcome: Outcome | None = None


def write(path: Path, progress: Progress) -> None:
    """Raises OSError."""
    write_atomically(path, msgspec.json.encode(progress) + b"\n")


def read(path: Path) -> Progress | None:
    """None where no switch has run since the boot, or the file is another version's. Raises OSError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Progress)
    except (FileNotFoundError, *BAD_JSON):
        return None
