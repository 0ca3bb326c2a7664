"""What happens to a slot: the events of `lifecycle`. `at` is seconds of a monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from slot.state import Readiness


@dataclass(frozen=True)
class LoadAsked:
    """The slot is to be filled; `at` is when the load began."""

    at: float


@dataclass(frozen=True)
class LogAdvanced:
    """The engine said something that shows it is getting on."""

    at: float


@dataclass(frozen=True)
class Climbed:
    """The engine stands on this rung of the readiness ladder."""

    rung: Readiness
    at: float


@dataclass(frozen=True)
class Misserved:
    """The engine answers, and it is not what the profile says: `key` names the profile's key."""

    key: str
    found: str
    expected: str
    at: float


@dataclass(frozen=True)
class StoodStill:
    """The engine served, and its pulse has stopped: nothing moved for `limit_s`, with `in_flight` requests."""

    limit_s: float
    in_flight: int
    at: float


@dataclass(frozen=True)
class EvidenceTaken:
    """All that can be seen of a degraded engine has been kept."""

    at: float


@dataclass(frozen=True)
class StopAsked:
    """An admin or systemd wants the slot to stop; asked twice: at once."""

    at: float


@dataclass(frozen=True)
class Exited:
    """The engine's main process ended: `status` is its exit code, or minus the number of the signal that ended it."""

    status: int
    at: float


@dataclass(frozen=True)
class CouldNotStart:
    """The engine's program could not be executed; no process of it exists."""

    reason: str
    at: float


@dataclass(frozen=True)
class Swept:
    """No process of the engine is left."""


@dataclass(frozen=True)
class Ticked:
    """Time passed and nothing else happened."""

    at: float


Event: TypeAlias = (
    LoadAsked
    | LogAdvanced
    | Climbed
    | Misserved
    | StoodStill
    | EvidenceTaken
    | StopAsked
    | Exited
    | CouldNotStart
    | Swept
    | Ticked
)
