"""How long until a place becomes free: what a refused client is told to wait.

The soonest of those that run. Two things are known of one: what its client asked for at most, and how long generations
have lasted here.

1. Its output is limited, and its pace can be seen   -> what is left of the limit, at this pace
2. It is known how long generations last             -> what is left of that
3. Both                                              -> the sooner: a limit is an upper bound, and few reach it
4. Neither                                           -> it says nothing

One that has lasted longer than most may end at any moment, or run on. It counts as having a tenth of a typical time
left: short against a generation, and long enough that its clients do not ask again and again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, log

UNKNOWN_S = 1.0
SOONEST_S = 0.05

# how many generations it takes for a change of habits to show
_MEMORY = 32


@dataclass(frozen=True, slots=True)
class Running:
    """One generation. Times are on the clock of `now`; an event carries about one token.

    `first_event` None: the prompt is still being read. `limit`: the output tokens asked for, None where none were.
    """

    started: float
    first_event: float | None = None
    events: int = 0
    limit: int | None = None


class Typical:
    """How long generations last: a moving geometric mean, so that one of ten minutes does not hide fifty short ones."""

    def __init__(self) -> None:
        self._count = 0
        self._log_s = 0.0

    def note(self, lasted_s: float) -> None:
        """One that has come to its end by itself, from its admission on."""
        self._count = min(self._count + 1, _MEMORY)
        self._log_s += (log(max(lasted_s, SOONEST_S)) - self._log_s) / self._count

    @property
    def seconds(self) -> float | None:
        """None before the first one."""
        return exp(self._log_s) if self._count else None


def next_free_s(running: Iterable[Running], now: float, typical_s: float | None) -> float:
    """Seconds until the first of them ends, never below SOONEST_S; UNKNOWN_S where nothing is known."""
    left = [left_s for one in running if (left_s := _left_s(one, now, typical_s)) is not None]
    return max(min(left), SOONEST_S) if left else UNKNOWN_S


def _left_s(one: Running, now: float, typical_s: float | None) -> float | None:
    at_most = _limit_left_s(one, now)  # 1
    typically = None if typical_s is None else max(typical_s - (now - one.started), typical_s / 10)  # 2
    known = [left_s for left_s in (at_most, typically) if left_s is not None]
    return min(known) if known else None  # 3, 4


def _limit_left_s(one: Running, now: float) -> float | None:
    if one.limit is None or one.first_event is None or one.events < 2:
        return None
    # the last event may be a while ago, so this is a little above the true interval, less so with every event
    interval_s = (now - one.first_event) / (one.events - 1)
    return max(one.limit - one.events, 0) * interval_s
