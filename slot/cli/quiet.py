"""How long the cards are left alone after a fault, by this call's environment."""

from __future__ import annotations

from collections.abc import Mapping

from slot.cli.refusal import Refused
from slot.exit_codes import ExitCode
from slot.supervisor.aftercare import QUIET_S

MOST_S = 3600.0


def quiet_s(environment: Mapping[str, str]) -> float:
    """SLOT_QUIET_S, otherwise the time that the driver needs. Raises Refused for what is no time."""
    said = environment.get("SLOT_QUIET_S") or str(QUIET_S)
    try:
        seconds = float(said)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MOST_S:
        facts = (("found", said), ("expected", f"seconds, 0 to {MOST_S:g}"), ("do", "mend it or leave it out"))
        raise Refused(ExitCode.CONFIG, "SLOT_QUIET_S is no time", facts)
    return seconds
