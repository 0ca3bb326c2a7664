"""A profile that has just failed is not tried again at once: each try takes a serving model away.

The time doubles with each failure in a row: 10 min, 20 min, 40 min, to 6 hours. It is the profile as it was: one that
was edited since may be tried at once. A success clears it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from slot.atomic_file import write_atomically
from slot.bad_json import BAD_JSON
from slot.switch.steps import Which

FIRST_S = 600.0
LONGEST_S = 6 * 3600.0


class Cooldown(msgspec.Struct, frozen=True):
    """`until`: seconds since the epoch; `failures`: how many in a row; `cause`: the last one's."""

    sha256: str
    until: float
    failures: int
    cause: str


Cooldowns = Mapping[str, Cooldown]


def cooled(cooldowns: Cooldowns, which: Which, cause: str, now: float) -> dict[str, Cooldown]:
    """With one more failure of `which`. What cooled down long ago is forgotten on the way."""
    before = cooldowns.get(which.name)
    failures = before.failures + 1 if before is not None and before.sha256 == which.sha256 else 1
    seconds = min(LONGEST_S, FIRST_S * 2 ** min(failures - 1, 16))
    kept = {name: each for name, each in cooldowns.items() if now < each.until + LONGEST_S}
    return {**kept, which.name: Cooldown(which.sha256, now + seconds, failures, cause)}


def cleared(cooldowns: Cooldowns, name: str) -> dict[str, Cooldown]:
    return {other: each for other, each in cooldowns.items() if other != name}


def cooling(cooldowns: Cooldowns, which: Which, now: float) -> Cooldown | None:
    """What keeps `which` out now, or None."""
    found = cooldowns.get(which.name)
    if found is None or found.sha256 != which.sha256:
        return None
    # further away than any cool-down lasts: the clock was ahead when it failed
    return found if now < found.until <= now + LONGEST_S else None


def read(path: Path) -> dict[str, Cooldown]:
    """What cannot be read keeps nobody out. Raises nothing."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Cooldown])
    except (OSError, *BAD_JSON):
        return {}


def write(path: Path, cooldowns: Cooldowns) -> None:
    """Raises OSError."""
    write_atomically(path, msgspec.json.format(msgspec.json.encode(cooldowns), indent=2) + b"\n")
