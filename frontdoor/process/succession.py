"""How one process of the frontdoor follows another: what the old one does when, and who may use how much of the cap.

    SERVING               --ReplaceAsked-->      PREPARING   start the successor, hand it the listening sockets
    PREPARING             --SuccessorReady-->    YIELDING    accept no more, divide the cap, let it serve
    YIELDING              --SuccessorServes-->   RETIRING    systemd is told; only what is open here is ended
    PREPARING, YIELDING   --SuccessorFailed-->   SERVING     as if nothing had been asked
    SERVING .. YIELDING   --StopAsked-->         STOPPING    accept no more; the successor, if any, is ended
    RETIRING              --StopAsked-->         STOPPING    what is open has a limit now
    STOPPING, RETIRING    --Empty-->             ENDED
    STOPPING              --StopAsked, TimeOver--> ENDED     what is still open is cut

At most one of two processes accepts connections at any moment; while none does, for the time of one message, new ones
wait in the kernel's line. Idle connections change over to the successor with their clients noticing nothing; the others
are told with their next answer that it is the last here. A successor that fails at any time before it serves changes
nothing, and one that fails later is for whoever started the service to mend.

The cap holds over both. The old process keeps a share of it: what it is running, what waits there, and something for
the connections that may still ask it. The share is told to the successor and only ever shrinks; all the rest is the
successor's. Each counts the other's part as taken, and a place is given away before it is used: the old one lowers its
share, then tells. So the two together never run more than the cap, however the messages are timed.

`step` and the arithmetic have no clock, no process and no socket: `hand_over` and `inheritance` are the shells.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import NamedTuple


class Stage(StrEnum):
    SERVING = "serving"
    PREPARING = "preparing"
    YIELDING = "yielding"
    RETIRING = "retiring"
    STOPPING = "stopping"
    ENDED = "ended"


class Event(Enum):
    REPLACE_ASKED = auto()
    SUCCESSOR_READY = auto()
    SUCCESSOR_SERVES = auto()
    SUCCESSOR_FAILED = auto()  # it ended, took too long, or could not be started
    STOP_ASKED = auto()
    EMPTY = auto()  # no request is open any more, and none can come
    TIME_OVER = auto()


class Action(Enum):
    START_SUCCESSOR = auto()
    END_SUCCESSOR = auto()
    STOP_ACCEPTING = auto()
    ACCEPT_AGAIN = auto()
    LET_SERVE = auto()
    LEAVE_IT_ALL = auto()
    SAY_STOPPING = auto()
    LIMIT_DRAIN = auto()
    CUT = auto()


_STEPS: dict[tuple[Stage, Event], tuple[Stage, list[Action]]] = {
    (Stage.SERVING, Event.REPLACE_ASKED): (Stage.PREPARING, [Action.START_SUCCESSOR]),
    (Stage.PREPARING, Event.SUCCESSOR_READY): (Stage.YIELDING, [Action.STOP_ACCEPTING, Action.LET_SERVE]),
    (Stage.YIELDING, Event.SUCCESSOR_SERVES): (Stage.RETIRING, [Action.LEAVE_IT_ALL]),
    (Stage.PREPARING, Event.SUCCESSOR_FAILED): (Stage.SERVING, [Action.END_SUCCESSOR]),
    (Stage.YIELDING, Event.SUCCESSOR_FAILED): (Stage.SERVING, [Action.END_SUCCESSOR, Action.ACCEPT_AGAIN]),
    (Stage.SERVING, Event.STOP_ASKED): (
        Stage.STOPPING,
        [Action.SAY_STOPPING, Action.STOP_ACCEPTING, Action.LIMIT_DRAIN],
    ),
    (Stage.PREPARING, Event.STOP_ASKED): (
        Stage.STOPPING,
        [Action.END_SUCCESSOR, Action.SAY_STOPPING, Action.STOP_ACCEPTING, Action.LIMIT_DRAIN],
    ),
    (Stage.YIELDING, Event.STOP_ASKED): (
        Stage.STOPPING,
        [Action.END_SUCCESSOR, Action.SAY_STOPPING, Action.LIMIT_DRAIN],
    ),
    (Stage.RETIRING, Event.STOP_ASKED): (Stage.STOPPING, [Action.LIMIT_DRAIN]),
    (Stage.RETIRING, Event.EMPTY): (Stage.ENDED, []),
    (Stage.STOPPING, Event.EMPTY): (Stage.ENDED, []),
    (Stage.STOPPING, Event.STOP_ASKED): (Stage.ENDED, [Action.CUT]),
    (Stage.STOPPING, Event.TIME_OVER): (Stage.ENDED, [Action.CUT]),
}


def step(stage: Stage, event: Event) -> tuple[Stage, list[Action]]:
    """What follows. A pair that is not in the table is late or asked twice, and changes nothing:

    - REPLACE_ASKED while one is on its way, or while we end
    - what a successor says after it was given up, or what becomes of it after it serves
    - EMPTY while we serve
    """
    return _STEPS.get((stage, event), (stage, []))


@dataclass(frozen=True)
class Use:
    """What a process uses of one limit. `asking`: what may still be asked for by whom it cannot send away."""

    limit: int
    active: int
    asking: int = 0


class Held(NamedTuple):
    """The old process's share of each limit."""

    generations: int = 0
    pooling: int = 0
    tokens: int = 0


def first_share(use: Use) -> int:
    """What the old process keeps when it yields: all that it runs, and up to half of what is free for who may ask.

    The other half is there at once for new clients: somebody may wait for long on a connection and never ask.
    """
    free = max(use.limit - use.active, 0)
    return use.active + min(use.asking, free // 2)


def next_share(share: int, use: Use) -> int:
    """The share after something changed: never more than before, and never less than what runs."""
    return min(share, use.active + use.asking)


def taken_by_successor(share: int, use: Use) -> int:
    """What the old process counts as taken: all but its share. A limit that fell below the share leaves nothing."""
    return max(use.limit - share, 0)
