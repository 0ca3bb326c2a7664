"""`slotctl logs`: the journal of the slot, the frontdoor and the switches, by journalctl itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NoReturn

from slot import units
from slot.cli.refusal import Refused
from slot.cli.systemd import refuse_without_systemd
from slot.exit_codes import ExitCode

DEFAULT_LINES = 50
# The template beside the pattern: journalctl fails where a pattern matches nothing that has ever logged.
UNITS = {
    "slot": (units.SLOT,),
    "frontdoor": (units.DOOR, units.SOCKET),
    "switch": (units.switch_unit("*"), units.SWITCH_TEMPLATE),
}


def logs(what: Sequence[str], *, follow: bool, number: int | None, since: str | None, as_json: bool) -> NoReturn:
    """Becomes journalctl. Raises Refused."""
    words = journalctl(what, follow=follow, number=number, since=since, as_json=as_json)
    refuse_without_systemd("`slotctl up --verbose` shows what it runs")
    try:
        os.execvp(words[0], words)
    except FileNotFoundError:
        raise Refused(ExitCode.UNAVAILABLE, "there is no journalctl on this system") from None


def journalctl(what: Sequence[str], *, follow: bool, number: int | None, since: str | None, as_json: bool) -> list[str]:
    """Its command. Without a number of lines: the last few, or all of those since a time. Raises Refused."""
    unknown = [word for word in what if word not in UNITS]
    if unknown:
        raise Refused(ExitCode.USAGE, f"no part of the slot: {unknown[0]!r}", (("expected", ", ".join(UNITS)),))
    wanted = [unit for word in (what or UNITS) for unit in UNITS[word]]
    lines = number if number is not None else None if since else DEFAULT_LINES
    return [
        "journalctl",
        "--no-pager",
        "--no-hostname",
        *(f"--unit={unit}" for unit in wanted),
        *(["--output=json"] if as_json else []),
        *([f"--since={since}"] if since else []),
        *([f"--lines={lines}"] if lines is not None else []),
        *(["--follow"] if follow else []),
    ]
