"""Why a slot is not serving, as the supervisor saw it. What it means to an admin is `diagnosis`'s to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Crashed:
    """The engine's main process ended unasked; `status` is its exit code, or minus its signal's number."""

    status: int


@dataclass(frozen=True)
class NotStarted:
    """The engine's program could not be executed."""

    reason: str


@dataclass(frozen=True)
class LoadTimedOut:
    """The engine was not generating after `limit_s`, however busy it looked."""

    limit_s: float


@dataclass(frozen=True)
class Stalled:
    """The engine's log did not advance for `limit_s` while it loaded."""

    limit_s: float


@dataclass(frozen=True)
class WrongModel:
    """The engine serves something else than the profile says."""

    key: str
    found: str
    expected: str


@dataclass(frozen=True)
class Wedged:
    """The engine served and stopped generating: nothing moved for `limit_s`, with `in_flight` requests."""

    limit_s: float
    in_flight: int


@dataclass(frozen=True)
class LeftOver:
    """The engine before this one is not gone: `what` names the processes that are left, or that hold GPU memory."""

    what: str


@dataclass(frozen=True)
class FaultBefore:
    """The kernel told of a card's fault, by this `line`, while the engine before this one ran, which did not say so."""

    name: str
    line: str


@dataclass(frozen=True)
class Taken:
    """What the slot needs is somebody else's: `what` is `slot`, or its `port`; `why` names who has it."""

    what: str
    why: str


Trouble: TypeAlias = (
    Crashed | NotStarted | LoadTimedOut | Stalled | WrongModel | Wedged | LeftOver | FaultBefore | Taken
)
