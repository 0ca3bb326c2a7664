"""Does the unit's sandbox show the engine what the profile names?

The units hide /home, /root and /tmp; `slotctl install` wrote down what of it to show, for the profiles that there were.
A profile that came later may name a place that is there for everybody but the engine: it would be told that there is no
such file, minutes later.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slot.doctor.finding import Finding, ok, warn

CHECK = "sandbox"
HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108  # not used, only named
_SHOWING = ("BindReadOnlyPaths=", "BindPaths=")
EXPECTED = "every place that the profile names, shown to the unit"


def check(places: Sequence[Path], drop_in: Path) -> Finding | None:
    """`places`: what the engine will read; `drop_in`: what install wrote. None where nothing was hidden anyway."""
    hidden = [place for place in places if _is_below(HIDDEN, place)]
    if not hidden:
        return None
    missing = [place for place in hidden if not _is_below(shown_by(_text(drop_in)), place)]
    if not missing:
        return ok(CHECK, str(drop_in), f"{len(hidden)} of them shown", EXPECTED)
    found = f"hidden from the unit: {', '.join(map(str, missing))}"
    return warn(CHECK, str(drop_in), found, EXPECTED, "sudo slotctl upgrade")


def shown_by(text: str) -> tuple[Path, ...]:
    lines = (line.partition("=") for line in text.splitlines() if line.startswith(_SHOWING))
    return tuple(Path(word.lstrip("-+").partition(":")[0]) for _, _, words in lines for word in words.split())


def _is_below(places: Sequence[Path], path: Path) -> bool:
    return any(path == place or place in path.parents for place in places)


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
