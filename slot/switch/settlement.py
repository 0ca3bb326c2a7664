"""A switch that was cut off half-way: is it finished or undone? Asked by whoever finds its journal and has its lock.

    found at                     the same switch    another switch,         the slot is
                                 again, or one      or `slotctl settle`     about to start
                                 to the same
    1  COOL, RESUME, RECORD      finish             finish                  finish
    2  PAUSE, DRAIN              go on (1)          resume, "interrupted"   resume, "interrupted"
    3  STOP .. START             go on              undo                    put back
    4  VERIFY                    go on              go on                   put back
    5  UNDO_*, DOWN, PUT_BACK    go on undoing      go on undoing           put back

(1) only the very same switch: another one to the same model has a drain deadline of its own.

Undoing comes before the next switch begins, and it loads the old model in full: so whatever becomes of the next
request, it begins with a model that serves. At the slot's own start (after a reboot, or by hand) nothing else may be
started: the last profile that served is put back, and the slot loads it by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from slot.switch.steps import BEFORE_THE_STOP, FORWARD, Journal, Outcome, Step, Which

AT_LAST = (Step.COOL, Step.RESUME, Step.RECORD)
CUT_OFF = "the switch was cut off"


@dataclass(frozen=True)
class AtStart:
    """The slot is about to start, and waits for this."""


@dataclass(frozen=True)
class Asked:
    """Another switch, or the same one again. Both None: somebody wants it settled, and nothing else."""

    id: str | None = None
    to: Which | None = None


By: TypeAlias = AtStart | Asked


def settle(journal: Journal, by: By, now: float) -> Journal:
    """The journal at the step with which it goes on."""
    found = msgspec.structs.replace(journal, is_interrupted=True)
    if found.step in AT_LAST:  # 1
        return found
    if found.step in BEFORE_THE_STOP:  # 2
        is_same = isinstance(by, Asked) and by.id == found.id
        return found if is_same else _turn(found, Step.RESUME, now, Outcome.INTERRUPTED)
    if isinstance(by, AtStart):  # 3, 4, 5
        return _turn(found, Step.PUT_BACK, now, found.outcome)
    if found.step not in FORWARD or found.step is Step.VERIFY:  # 4, 5
        return found
    if by.id == found.id or by.to == found.to:  # 3
        return found
    return _turn(found, Step.UNDO_STOP if found.has_way_back else Step.DOWN, now, found.outcome)


def _turn(journal: Journal, step: Step, now: float, outcome: Outcome | None) -> Journal:
    why = journal.why or f"{CUT_OFF} at {journal.step}"
    return msgspec.structs.replace(journal, step=step, step_at=now, outcome=outcome, why=why)
