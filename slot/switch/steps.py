"""The steps of a switch: one machine, decided here and nowhere else.

    PAUSE -> DRAIN -> STOP -> FREE -> WRITE -> START -> VERIFY -> RESUME -> RECORD -> OVER          outcome switched

    PAUSE or DRAIN       --Failed---------------------> RESUME                                      refused
    DRAIN                --NotDrained, not forced-----> RESUME                                      not drained
    DRAIN                --NotDrained, forced---------> STOP
    STOP .. VERIFY       --Failed, and a way back-----> UNDO_STOP -> UNDO_FREE -> UNDO_WRITE -> UNDO_START
                                                        -> UNDO_VERIFY -> COOL -> RESUME            rolled back
    STOP .. VERIFY       --Failed, and none-----------> DOWN -> COOL -> RESUME                      down
    UNDO_STOP .. VERIFY  --Failed---------------------> DOWN -> COOL -> RESUME                      down
    PUT_BACK             --Done-----------------------> COOL -> RESUME      (the slot is about to start: settlement)

There is a way back if a model has served that is another than the one asked for, nobody has forbidden to go back, and
the cards are well: after a device fault nothing may start before they were probed. COOL is passed over where the model
that was asked for is not to blame: it cooled down for a failure of its own START or VERIFY, and for no other.

The journal names the step that is to be done next, and is on the disk before that step begins. So whoever finds it
knows that all steps before were done and nothing after was begun; the step itself may have been done, partly or not at
all. Every step may therefore be done twice. `after` is a function of its arguments: what a step does is
`transaction`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import msgspec

from slot.exit_codes import ExitCode

FORMAT_VERSION = 1


class Step(StrEnum):
    """What is to be done next; the value is the journal's and the progress file's word for it."""

    PAUSE = "pause"
    DRAIN = "drain"
    STOP = "stop"
    FREE = "free"
    WRITE = "write"
    START = "start"
    VERIFY = "verify"
    UNDO_STOP = "undo_stop"
    UNDO_FREE = "undo_free"
    UNDO_WRITE = "undo_write"
    UNDO_START = "undo_start"
    UNDO_VERIFY = "undo_verify"
    DOWN = "down"
    PUT_BACK = "put_back"
    COOL = "cool"
    RESUME = "resume"
    RECORD = "record"
    OVER = "over"


class Outcome(StrEnum):
    """How a switch ended, in the history's words."""

    SWITCHED = "switched"
    ROLLED_BACK = "rolled_back"
    NOT_DRAINED = "not_drained"
    REFUSED = "refused"
    UNCHANGED = "unchanged"
    DOWN = "down"
    PUT_BACK = "put_back"
    INTERRUPTED = "interrupted"


BEFORE_THE_STOP = (Step.PAUSE, Step.DRAIN)
FORWARD = (Step.STOP, Step.FREE, Step.WRITE, Step.START, Step.VERIFY)
UNDOING = (Step.UNDO_STOP, Step.UNDO_FREE, Step.UNDO_WRITE, Step.UNDO_START, Step.UNDO_VERIFY)
BLAMED = (Step.START, Step.VERIFY)

_LINE: Mapping[Step, Step] = {
    **dict(zip((*BEFORE_THE_STOP, *FORWARD), (Step.DRAIN, *FORWARD, Step.RESUME), strict=True)),
    **dict(zip(UNDOING, (*UNDOING[1:], Step.COOL), strict=True)),
    Step.DOWN: Step.COOL,
    Step.PUT_BACK: Step.COOL,
    Step.COOL: Step.RESUME,
    Step.RESUME: Step.RECORD,
    Step.RECORD: Step.OVER,
}
_OUTCOMES: Mapping[Step, Outcome] = {
    Step.VERIFY: Outcome.SWITCHED,
    Step.UNDO_VERIFY: Outcome.ROLLED_BACK,
    Step.DOWN: Outcome.DOWN,
    Step.PUT_BACK: Outcome.PUT_BACK,
}


class Which(msgspec.Struct, frozen=True):
    """A profile as it was: edited since, it has another sum."""

    name: str
    sha256: str


class Fault(msgspec.Struct, frozen=True):
    """What went wrong, at which step. `is_device`: a card or its driver, so nothing may start before it was probed."""

    at: Step
    why: str
    is_device: bool = False


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """A switch under way, as it is on the disk. Times are seconds since the epoch, `timings` seconds by name.

    `came_from`: what was active, None: nothing was. `served`: what there is to go back to (its text is beside the
    journal), None: nothing ever served. `paused_before`: an admin's own pause, which is put back at the end.
    `is_interrupted`: it was cut off and taken up again, so its times mean little. `door_shut`: why the frontdoor
    could not be opened at the end.
    """

    version: int = FORMAT_VERSION
    id: str
    request: str
    came_from: Which | None = msgspec.field(name="from")
    to: Which
    served: Which | None
    force: bool = False
    no_rollback: bool = False
    paused_before: str | None = None
    by_uid: int | None = None
    began_at: float
    step: Step = Step.PAUSE
    step_at: float
    outcome: Outcome | None = None
    why: str | None = None
    fault: Fault | None = None
    is_interrupted: bool = False
    door_shut: str | None = None
    timings: dict[str, float] = {}

    @property
    def has_way_back(self) -> bool:
        """Whether a failure of the new model leads to another one, and not to none."""
        return self.served is not None and self.served.sha256 != self.to.sha256 and not self.no_rollback

    @property
    def is_its_own_fault(self) -> bool:
        """Whether the model that was asked for is to blame; one that has served as it is now never is."""
        return self.fault is not None and self.fault.at in BLAMED and self.served != self.to


# How a step ended.


@dataclass(frozen=True)
class Done:
    pass


@dataclass(frozen=True)
class Failed:
    why: str
    is_device: bool = False


@dataclass(frozen=True)
class NotDrained:
    """Generations still run at the deadline, or somebody has resumed meanwhile."""

    why: str


Event: TypeAlias = Done | Failed | NotDrained


class IllegalEvent(RuntimeError):
    """The caller reported something that cannot have happened: a bug in the caller."""


def after(journal: Journal, event: Event, now: float) -> Journal:
    """The journal with the step that comes next. Raises IllegalEvent."""
    match journal.step, event:
        case Step.DRAIN, NotDrained(why) if not journal.force:
            return _to(journal, Step.RESUME, now, outcome=Outcome.NOT_DRAINED, why=why)
        case Step.DRAIN, NotDrained():
            return _to(journal, Step.STOP, now)
        case ((Step.PAUSE | Step.DRAIN), Failed(why)):
            return _to(journal, Step.RESUME, now, outcome=Outcome.REFUSED, why=why)
        case step, Failed(why, is_device) if step in FORWARD:
            fault = Fault(step, why, is_device)
            is_undone = journal.has_way_back and not is_device
            return _to(journal, Step.UNDO_STOP if is_undone else Step.DOWN, now, fault=fault, why=why)
        case step, Failed(why, is_device) if step in UNDOING:
            return _to(journal, Step.DOWN, now, **_worse(journal, step, why, is_device))
        case Step.RESUME, Failed(why):  # whatever serves goes on serving, and whoever waits is told
            return _next(msgspec.structs.replace(journal, door_shut=why), Step.RESUME, now)
        case (Step.DOWN | Step.PUT_BACK | Step.COOL | Step.RESUME) as step, (Done() | Failed()):
            return _next(journal, step, now)  # what could not be done here must not keep the door shut
        case step, Done() if step in _LINE:
            return _next(journal, step, now)
    raise IllegalEvent(f"{event} at {journal.step}")


def _next(journal: Journal, step: Step, now: float) -> Journal:
    outcome = _OUTCOMES.get(step, journal.outcome)
    following = _LINE[step]
    if following is Step.COOL and not journal.is_its_own_fault:
        following = Step.RESUME
    return _to(journal, following, now, outcome=outcome)


def _worse(journal: Journal, step: Step, why: str, is_device: bool) -> dict[str, object]:
    """The way back failed as well. Whose fault the first failure was stays; that a card is to blame is added."""
    first = journal.fault
    name = journal.served.name if journal.served else "the model before"
    words = "; ".join(filter(None, (journal.why, f"then back to {name}: {why}")))
    at, before = (first.at, first.is_device) if first else (step, False)
    return {"fault": Fault(at, words, before or is_device), "why": words}


def _to(journal: Journal, step: Step, now: float, **changes: object) -> Journal:
    return msgspec.structs.replace(journal, step=step, step_at=now, **changes)


def exit_code(outcome: Outcome, fault: Fault | None, door_shut: str | None = None) -> ExitCode:
    """What the unit, and whoever waited for it, exits with. A shut door is the smaller news where the switch failed."""
    if outcome in (Outcome.SWITCHED, Outcome.UNCHANGED):
        return ExitCode.OK if door_shut is None else ExitCode.UNREACHED
    return ExitCode.DEVICE if outcome is Outcome.DOWN and fault is not None and fault.is_device else ExitCode.FAILED
