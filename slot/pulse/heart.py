"""Is the engine generating? Decided from what is seen of it: its counters, and now and then a token of our own.

    QUIET   nothing in hand   --something is------------------------------------>  BUSY
    BUSY    something in hand --nothing is any more----------------------------->  QUIET
    QUIET                     --nothing moved for `idle_s`---------------------->  ASKED   [SendProbe]
    QUIET or BUSY             --no scrape succeeded for BLIND_S----------------->  ASKED   [SendProbe]
    ASKED                     --anything moved, or the probe was answered------->  QUIET or BUSY
    ASKED                     --the probe failed, RETRY_S ago------------------->  ASKED   [SendProbe]
    BUSY                      --a scrape shows: nothing moved for allowance_s--->  WEDGED  [Declare]
    ASKED                     --nothing moved for allowance_s since it was----->   WEDGED  [Declare]

What counts, and what does not:

1. Anything that moves is a beat: a counter, the share of the KV cache in use, an answer to a probe.
2. A refusal (4xx) is an answer: whoever refuses is not wedged.
3. A scrape that fails or is slow says nothing. Only a probe that stays without an answer does.
4. `running` may read 0 in a true wedge, so an engine that seems to be idle is asked for a token in the end.
5. Stillness counts from the last beat, but not before there was something to do, and not while nobody looked: if this
   process was stopped for an hour, the engine may have been as well.

A function of its arguments: events carry `at`, seconds of a monotonic clock, and come at least every few seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from math import inf
from typing import TypeAlias

from slot.pulse.scrape import Vitals

IDLE_S = 60.0
"""How often an engine with nothing to do is asked for a token, at most."""
BLIND_S = 30.0
RETRY_S = 10.0
UNWATCHED_S = 30.0
"""Two events further apart than this: nobody looked in between."""


class Rhythm(Enum):
    QUIET = "quiet"
    BUSY = "busy"
    ASKED = "asked"
    WEDGED = "wedged"


@dataclass(frozen=True)
class Scraped:
    vitals: Vitals
    at: float


@dataclass(frozen=True)
class ScrapeFailed:
    at: float


@dataclass(frozen=True)
class ProbeAnswered:
    """A token came, or a refusal: somebody is there who reads what is asked."""

    at: float


@dataclass(frozen=True)
class ProbeFailed:
    """Neither: the connection broke, or the engine said that it has an error of its own."""

    at: float


Event: TypeAlias = Scraped | ScrapeFailed | ProbeAnswered | ProbeFailed


@dataclass(frozen=True)
class SendProbe:
    """Ask for one token, without a limit of time. It comes back as `ProbeAnswered` or `ProbeFailed`, or never."""


@dataclass(frozen=True)
class Declare:
    """It is a wedge: nothing moved for `still_s`, with `in_hand` requests by its own count."""

    still_s: float
    in_hand: int


Order: TypeAlias = SendProbe | Declare


@dataclass(frozen=True)
class Heart:
    """What is known of one engine's pulse. Times are of the events' clock."""

    allowance_s: float
    beat_at: float
    # From when stillness counts; see 5.
    still_from: float
    seen_at: float
    # When a scrape last succeeded.
    scraped_at: float
    rhythm: Rhythm = Rhythm.QUIET
    vitals: Vitals | None = None
    probed_at: float | None = None
    # When the next probe is due while ASKED: `inf` while one is under way.
    probe_due_at: float = inf

    @property
    def idle_s(self) -> float:
        """Half of a small allowance, so that a wedge is found in time that seems to be idleness."""
        return min(IDLE_S, self.allowance_s / 2)

    @property
    def in_hand(self) -> int:
        return self.vitals.in_hand if self.vitals else 0


def begin(allowance_s: float, at: float) -> Heart:
    """The heart of an engine that has just generated its first token."""
    return Heart(allowance_s, beat_at=at, still_from=at, seen_at=at, scraped_at=at)


def step(heart: Heart, event: Event) -> tuple[Heart, Order | None]:
    """The heart after `event`, and what to do. Whatever comes after `Declare` changes nothing."""
    if heart.rhythm is Rhythm.WEDGED:
        return heart, None
    heart = _looked(heart, event.at)
    match event:
        case Scraped(vitals, at):
            return _judged(_seen(replace(heart, scraped_at=at), vitals, at), at, is_fresh=True)
        case ProbeAnswered(at):
            return _beat(heart, at), None
        case ProbeFailed(at):
            return _judged(replace(heart, probe_due_at=at + RETRY_S), at, is_fresh=False)
        case ScrapeFailed(at):
            return _judged(heart, at, is_fresh=False)


def _looked(heart: Heart, at: float) -> Heart:
    """5: what nobody saw does not count."""
    unseen = at - heart.seen_at
    if unseen <= UNWATCHED_S:
        return replace(heart, seen_at=at)
    return replace(heart, seen_at=at, still_from=heart.still_from + unseen)


def _seen(heart: Heart, vitals: Vitals, at: float) -> Heart:
    before, heart = heart.vitals, replace(heart, vitals=vitals)
    if before is not None and vitals.moved != before.moved:
        return _beat(heart, at)
    if heart.rhythm is Rhythm.QUIET and vitals.in_hand:
        return replace(heart, rhythm=Rhythm.BUSY, still_from=at)
    if heart.rhythm is Rhythm.BUSY and not vitals.in_hand:
        return replace(heart, rhythm=Rhythm.QUIET)
    return heart


def _beat(heart: Heart, at: float) -> Heart:
    rhythm = Rhythm.BUSY if heart.in_hand else Rhythm.QUIET
    return replace(heart, rhythm=rhythm, beat_at=at, still_from=at, probe_due_at=inf)


def _judged(heart: Heart, at: float, *, is_fresh: bool) -> tuple[Heart, Order | None]:
    """What stillness means now. `is_fresh`: this is told by a scrape, and not by the lack of one."""
    match heart.rhythm:
        case Rhythm.BUSY if is_fresh and at - heart.still_from >= heart.allowance_s:
            return _declared(heart, at)
        case Rhythm.ASKED if at - heart.still_from >= heart.allowance_s:
            return _declared(heart, at)
        case Rhythm.ASKED if at >= heart.probe_due_at:
            return replace(heart, probed_at=at, probe_due_at=inf), SendProbe()
        case Rhythm.QUIET if at - heart.beat_at >= heart.idle_s:
            return _asked(heart, at)
        case Rhythm.QUIET | Rhythm.BUSY if at - max(heart.scraped_at, heart.beat_at) >= BLIND_S:
            return _asked(heart, at)
    return heart, None


def _asked(heart: Heart, at: float) -> tuple[Heart, Order]:
    asked = replace(heart, rhythm=Rhythm.ASKED, still_from=at, probed_at=at, probe_due_at=inf)
    return asked, SendProbe()


def _declared(heart: Heart, at: float) -> tuple[Heart, Order]:
    return replace(heart, rhythm=Rhythm.WEDGED), Declare(at - heart.still_from, heart.in_hand)
