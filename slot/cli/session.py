"""The life of `slotctl up`: a slot and a frontdoor, started together and stopped in the right order.

    LOADING                      --Served-------->  SERVING    the banner
    LOADING or SERVING           --SlotEnded----->  DOWN       why; the frontdoor goes on answering 503 with it
    LOADING, SERVING or DOWN     --Interrupted--->  CLOSING    stop the frontdoor first: streams end before their engine
    LOADING, SERVING or DOWN     --DoorEnded----->  STOPPING   nobody could reach the slot: stop it, exit code 1
    CLOSING                      --DoorEnded----->  STOPPING   stop the slot
    CLOSING or STOPPING          --Interrupted--->  KILLING    kill the frontdoor, hurry the slot
    KILLING                      --Interrupted--->  KILLING    kill the supervisor too; the engine's keeper cleans up
    CLOSING, STOPPING, KILLING   --both ended---->  ENDED

`step` has no clock, no process and no terminal: the shell is `up`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from slot.exit_codes import ExitCode


class Stage(StrEnum):
    LOADING = "loading"
    SERVING = "serving"
    DOWN = "down"
    CLOSING = "closing"
    STOPPING = "stopping"
    KILLING = "killing"
    ENDED = "ended"


OPEN = (Stage.LOADING, Stage.SERVING, Stage.DOWN)


@dataclass(frozen=True)
class Session:
    stage: Stage = Stage.LOADING
    slot_runs: bool = True
    door_runs: bool = True
    exit_code: ExitCode = ExitCode.OK


# What happened.


@dataclass(frozen=True)
class Served:
    """The slot serves, and the frontdoor says so too."""


@dataclass(frozen=True)
class SlotEnded:
    """The supervisor's process ended, and with it the engine."""

    status: int


@dataclass(frozen=True)
class DoorEnded:
    """The frontdoor's process ended."""

    status: int


@dataclass(frozen=True)
class Interrupted:
    """Ctrl-C, SIGTERM, or the terminal went away."""


Event: TypeAlias = Served | SlotEnded | DoorEnded | Interrupted


class Action(StrEnum):
    SHOW_BANNER = "show banner"
    SHOW_SLOT_ENDED = "show slot ended"
    SHOW_DOOR_ENDED = "show door ended"
    STOP_DOOR = "stop door"
    STOP_SLOT = "stop slot"
    KILL_DOOR = "kill door"
    HURRY_SLOT = "hurry slot"
    KILL_SLOT = "kill slot"


def step(session: Session, event: Event) -> tuple[Session, list[Action]]:
    match event:
        case Served() if session.stage is Stage.LOADING:
            return replace(session, stage=Stage.SERVING), [Action.SHOW_BANNER]
        case Served():
            return session, []  # became ready just after it was told to stop
        case SlotEnded(status):
            return _slot_ended(session, status)
        case DoorEnded():
            return _door_ended(session)
        case Interrupted():
            return _interrupted(session)


def _slot_ended(session: Session, status: int) -> tuple[Session, list[Action]]:
    session = replace(session, slot_runs=False)
    if session.stage in OPEN:
        return replace(session, stage=Stage.DOWN, exit_code=ExitCode.FAILED), [Action.SHOW_SLOT_ENDED]
    if status != 0:  # it was told to stop and did not manage well
        return _ended_if_both(replace(session, exit_code=ExitCode.FAILED)), [Action.SHOW_SLOT_ENDED]
    return _ended_if_both(session), []


def _door_ended(session: Session) -> tuple[Session, list[Action]]:
    was, session = session.stage, replace(session, door_runs=False)
    if was in OPEN:
        stopping = replace(session, stage=Stage.STOPPING, exit_code=ExitCode.FAILED)
        return _ended_if_both(stopping), [Action.SHOW_DOOR_ENDED, *_stop_slot(session)]
    if was is Stage.CLOSING:
        return _ended_if_both(replace(session, stage=Stage.STOPPING)), _stop_slot(session)
    return _ended_if_both(session), []


def _interrupted(session: Session) -> tuple[Session, list[Action]]:
    killing = replace(session, stage=Stage.KILLING)
    match session.stage:
        case Stage.LOADING | Stage.SERVING | Stage.DOWN:
            return replace(session, stage=Stage.CLOSING), [Action.STOP_DOOR]
        case Stage.CLOSING:
            return killing, [Action.KILL_DOOR, *_stop_slot(session), *_if_slot(session, Action.HURRY_SLOT)]
        case Stage.STOPPING:
            return killing, _if_slot(session, Action.HURRY_SLOT)
        case Stage.KILLING:
            return session, _if_slot(session, Action.KILL_SLOT)
        case Stage.ENDED:
            return session, []


def _stop_slot(session: Session) -> list[Action]:
    return _if_slot(session, Action.STOP_SLOT)


def _if_slot(session: Session, action: Action) -> list[Action]:
    return [action] if session.slot_runs else []


def _ended_if_both(session: Session) -> Session:
    return session if session.slot_runs or session.door_runs else replace(session, stage=Stage.ENDED)
