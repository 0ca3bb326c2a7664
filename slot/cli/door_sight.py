"""Whether the service's frontdoor runs, by systemd's word: without it nobody reaches the model, however well it is."""

from __future__ import annotations

from slot import units
from slot.units import UnitSight

RUNNING = ("active", "reloading")
DO = (
    f"sudo systemctl reset-failed {units.SOCKET} {units.DOOR}; sudo systemctl start {units.DOOR}; "
    "why it ended: slotctl logs frontdoor"
)


def look() -> UnitSight | None:
    """None where it is not installed, or systemd does not tell."""
    found = units.seen(units.DOOR)
    return found if found is not None and found.load == "loaded" else None


def is_down(unit: UnitSight | None) -> bool:
    """A door that is not installed is nobody's to start."""
    return unit is not None and unit.active not in RUNNING


def has_failed(unit: UnitSight | None) -> bool:
    """It is down, and nobody wants it to be."""
    return unit is not None and unit.active == "failed"


def found(unit: UnitSight) -> str:
    """`failed (start-limit-hit)`, `inactive (dead)`."""
    return f"{unit.active} ({unit.result if unit.active == 'failed' else unit.sub})"
