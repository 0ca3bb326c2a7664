"""Whether there is a systemd at all, for verbs that are nothing without it. `slotctl logs` imports little more."""

from __future__ import annotations

from slot import units
from slot.cli.refusal import Refused
from slot.exit_codes import ExitCode


def refuse_without_systemd(do: str = "to serve without systemd: slotctl up NAME") -> None:
    """Raises Refused where another init has booted: there are no units then, and no journal."""
    if not units.is_booted():
        facts = (("found", f"no {units.BOOTED}"), ("do", do))
        raise Refused(ExitCode.UNAVAILABLE, "this system was not booted by systemd", facts)
