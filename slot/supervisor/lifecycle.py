"""The life of a slot: one state machine, decided here and nowhere else.

    STOPPED             --LoadAsked------------------>  LOADING
    LOADING             --Climbed to generated------->  SERVING
    LOADING             --Ticked past a limit-------->  DEGRADED   because of LoadTimedOut or Stalled
    LOADING             --Misserved------------------>  STOPPING   because of WrongModel
    SERVING             --StoodStill----------------->  DEGRADED   because of Wedged
    DEGRADED            --EvidenceTaken, or too late->  STOPPING
    any of these        --StopAsked------------------>  STOPPING
    any of these        --Exited--------------------->  FAILED     because of Crashed or NotStarted, or what degraded it
    STOPPING            --Swept, and no trouble------>  STOPPED
    STOPPING            --Swept, after a trouble----->  FAILED

A slot has one engine in its life: after the last `Swept` it is over, and a new load is a new slot. DEGRADED is an
engine that lives and does nothing: it has EVIDENCE_S to show where it stands, and then it is stopped.

Two things are told apart on purpose. `Exited` says that the engine's main process is gone, which is when clients must
learn of it; `Swept` says that no process of the engine's is left, which is when its memory and its devices are free. In
between the rest is asked to go (SIGTERM) and made to go (SIGKILL) at `kill_at`: a process that holds a GPU and dies
abruptly can leave the card hanging for the next start, so SIGKILL is never the first word. Only who asks twice is in
a hurry: the first StopAsked while it stops for another reason is no second one.

`step` is a function of its arguments, from an event (`events`) to what is to be done (`actions`): no clock, no log, no
I/O. Events that come late or twice are rows of their own, because they will; `IllegalEvent` is a bug in the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TypeAlias

from slot.failures.trouble import Crashed, LoadTimedOut, NotStarted, Stalled, Trouble, Wedged, WrongModel
from slot.state import Lifecycle, Readiness
from slot.supervisor.actions import (
    Action,
    AnnounceReady,
    AnnounceStopping,
    Finish,
    KillEngine,
    StartEngine,
    TakeEvidence,
    TerminateEngine,
)
from slot.supervisor.events import (
    Climbed,
    CouldNotStart,
    Event,
    EvidenceTaken,
    Exited,
    LoadAsked,
    LogAdvanced,
    Misserved,
    StoodStill,
    StopAsked,
    Swept,
    Ticked,
)

ORPHAN_GRACE_S = 20.0
"""How long what an engine left behind may take after SIGTERM.

Measured on vLLM 0.32 (CPU) whose API server was killed: without SIGTERM its engine core and worker stay for ever; with
it they end after 5.6 s on a quiet machine and need more than 10 s on a busy one.
"""

EVIDENCE_S = 30.0
"""How long an engine that does nothing may be looked at before it is stopped."""

RUNGS = tuple(Readiness)


@dataclass(frozen=True)
class Limits:
    """A profile's patience, in seconds."""

    load_timeout_s: float
    stall_timeout_s: float
    stop_grace_s: float


@dataclass(frozen=True)
class Slot:
    """One moment in the life of a slot. Times are of the events' monotonic clock; `inf` is "never"."""

    limits: Limits
    lifecycle: Lifecycle = Lifecycle.STOPPED
    readiness: Readiness = Readiness.NONE
    # Why it failed, or is stopping in order to fail. None while all is well, and after a stop that was asked for.
    trouble: Trouble | None = None
    load_until: float = inf
    advance_until: float = inf
    evidence_until: float = inf
    # Whether somebody has asked for the end, and not only a trouble.
    is_asked_to_stop: bool = False
    # When patience with the engine's processes ends. Set from the moment on when they are asked to go.
    kill_at: float = inf
    is_over: bool = False

    @property
    def next_limit(self) -> float:
        """When a `Ticked` would matter."""
        return min(self.load_until, self.advance_until, self.evidence_until, self.kill_at)


_MAY_BE_LATE = (LogAdvanced, Climbed, Misserved, StoodStill, EvidenceTaken, Ticked)


class IllegalEvent(RuntimeError):
    """The caller reported something that cannot have happened: a bug in the caller."""


Step: TypeAlias = tuple[Slot, list[Action]]


def step(slot: Slot, event: Event) -> Step:
    """The slot after `event`, and what to do, in order. Raises IllegalEvent."""
    if slot.is_over:
        return slot, []  # whatever comes after the last word is late
    match slot.lifecycle, event:
        case Lifecycle.STOPPED, LoadAsked(at):
            return _load(slot, at), [StartEngine()]
        case Lifecycle.STOPPED, StopAsked():
            return replace(slot, is_over=True), [Finish()]  # asked to stop before there was anything to stop
        case Lifecycle.STOPPED, Ticked():
            return slot, []
        case Lifecycle.LOADING, LogAdvanced(at):
            return replace(slot, advance_until=at + slot.limits.stall_timeout_s), []
        case Lifecycle.LOADING, Climbed(rung, at):
            return _climb(slot, rung, at)
        case Lifecycle.LOADING, Misserved(key, found, expected, at):
            return _stop(replace(slot, trouble=WrongModel(key, found, expected)), at)
        case Lifecycle.LOADING, Ticked(at) if at >= slot.load_until:
            return _degrade(slot, LoadTimedOut(slot.limits.load_timeout_s), at)
        case Lifecycle.LOADING, Ticked(at) if at >= slot.advance_until:
            return _degrade(slot, Stalled(slot.limits.stall_timeout_s), at)
        case Lifecycle.SERVING, StoodStill(limit_s, in_flight, at):
            return _degrade(slot, Wedged(limit_s, in_flight), at)
        case Lifecycle.DEGRADED, EvidenceTaken(at):
            return _stop(slot, at)
        case Lifecycle.DEGRADED, Ticked(at) if at >= slot.evidence_until:
            return _stop(slot, at)
        case ((Lifecycle.LOADING | Lifecycle.SERVING | Lifecycle.DEGRADED), StopAsked(at)):
            return _stop(replace(slot, is_asked_to_stop=True), at)
        case ((Lifecycle.LOADING | Lifecycle.SERVING), Exited(status, at)):
            return _fail(slot, Crashed(status), at)
        case Lifecycle.DEGRADED, Exited(_, at) if slot.trouble is not None:
            return _fail(slot, slot.trouble, at)
        case Lifecycle.LOADING, CouldNotStart(reason, at):
            return _fail(slot, NotStarted(reason), at)
        case ((Lifecycle.STOPPING | Lifecycle.FAILED), StopAsked()) if not slot.is_asked_to_stop:
            return replace(slot, is_asked_to_stop=True), []  # it is on its way already, and has its time
        case ((Lifecycle.STOPPING | Lifecycle.FAILED), StopAsked()):
            return replace(slot, kill_at=inf), [KillEngine()]  # asked again: no more patience
        case ((Lifecycle.STOPPING | Lifecycle.FAILED), Ticked(at)) if at >= slot.kill_at:
            return replace(slot, kill_at=inf), [KillEngine()]
        case Lifecycle.STOPPING, Exited(_, at):
            return _dismiss_the_rest(slot, at)
        case Lifecycle.STOPPING, CouldNotStart():
            return slot, []  # it will be swept in a moment, and there is nothing of it to stop
        case ((Lifecycle.STOPPING | Lifecycle.FAILED), Swept()):
            return _end(slot)
        case _, _ if isinstance(event, _MAY_BE_LATE) and slot.lifecycle is not Lifecycle.STOPPED:
            return slot, []  # said just before it was asked to stop, or just before it fell; or nothing is due
        case Lifecycle.FAILED, (Exited() | CouldNotStart()):
            return slot, []  # told twice
    raise IllegalEvent(f"{event} while {slot.lifecycle}")


def _load(slot: Slot, at: float) -> Slot:
    return replace(
        slot,
        lifecycle=Lifecycle.LOADING,
        load_until=at + slot.limits.load_timeout_s,
        advance_until=at + slot.limits.stall_timeout_s,
    )


def _climb(slot: Slot, rung: Readiness, at: float) -> Step:
    if RUNGS.index(rung) <= RUNGS.index(slot.readiness):
        return slot, []  # a ladder is climbed one way: a rung told again is no news and no advance
    higher = replace(slot, readiness=rung, advance_until=at + slot.limits.stall_timeout_s)
    if rung is not Readiness.GENERATED:
        return higher, []
    serving = replace(higher, lifecycle=Lifecycle.SERVING, load_until=inf, advance_until=inf)
    return serving, [AnnounceReady()]


def _degrade(slot: Slot, trouble: Trouble, at: float) -> Step:
    degraded = replace(
        slot,
        lifecycle=Lifecycle.DEGRADED,
        trouble=trouble,
        load_until=inf,
        advance_until=inf,
        evidence_until=at + EVIDENCE_S,
    )
    return degraded, [TakeEvidence()]


def _stop(slot: Slot, at: float) -> Step:
    stopping = replace(
        slot,
        lifecycle=Lifecycle.STOPPING,
        load_until=inf,
        advance_until=inf,
        evidence_until=inf,
        kill_at=at + slot.limits.stop_grace_s,
    )
    return stopping, [AnnounceStopping(), TerminateEngine()]


def _fail(slot: Slot, trouble: Trouble, at: float) -> Step:
    failed = replace(
        slot,
        lifecycle=Lifecycle.FAILED,
        readiness=Readiness.NONE,
        trouble=trouble,
        load_until=inf,
        advance_until=inf,
        evidence_until=inf,
        kill_at=at + _rest_grace_s(slot),
    )
    return failed, [AnnounceStopping(), TerminateEngine()]


def _dismiss_the_rest(slot: Slot, at: float) -> Step:
    kill_at = min(slot.kill_at, at + _rest_grace_s(slot))
    return replace(slot, readiness=Readiness.NONE, kill_at=kill_at), [TerminateEngine()]


def _rest_grace_s(slot: Slot) -> float:
    return min(ORPHAN_GRACE_S, slot.limits.stop_grace_s)


def _end(slot: Slot) -> Step:
    lifecycle = Lifecycle.STOPPED if slot.trouble is None else Lifecycle.FAILED
    return replace(slot, lifecycle=lifecycle, readiness=Readiness.NONE, kill_at=inf, is_over=True), [Finish()]
