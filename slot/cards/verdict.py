"""How is this card? What a child that was to compute on it did, in; a verdict and its words, out.

A card that hangs answers nobody, and a card that answers wrongly looks busy and well: so a card is asked to compute
something whose result is known, by a child that may be lost. In this order:

    1. The child could not be started, or has no means to ask: UNKNOWN. That says nothing about the card.
    2. It did not answer in time: WEDGED. Level Zero waits for ever on a card that hangs.
    3. It was ended by a signal, or said what went wrong: FAULTY. So is a wrong result.
    4. It computed the right result: HEALTHY. So is a card that this engine could not have touched.
    5. Anything else is no answer to our question: UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from slot.bad_json import BAD_JSON
from slot.signal_name import signal_name


class Verdict(StrEnum):
    HEALTHY = "healthy"
    WEDGED = "wedged"
    FAULTY = "faulty"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class NotAsked:
    """Nobody could ask: `why`, for people."""

    why: str


@dataclass(frozen=True)
class Silent:
    """No answer within `limit_s`. `is_left`: the child could not even be killed; it waits inside of the driver."""

    limit_s: float
    is_left: bool


@dataclass(frozen=True)
class Ended:
    """The child ended: `status` as subprocess has it, and the last line that it printed."""

    status: int
    last_line: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the child prints last, as JSON. `cannot_ask`: why it has no means to; `error`: what the card said."""

    is_right: bool = False
    is_not_used: bool = False
    error: str | None = None
    cannot_ask: str | None = None


@dataclass(frozen=True)
class CardSight:
    """What was seen of the card at `bdf`, its PCI address. `seconds` is how long it took."""

    bdf: str
    verdict: Verdict
    words: str
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.bdf} {self.verdict}: {self.words}"


def judge(outcome: NotAsked | Silent | Ended) -> tuple[Verdict, str]:
    """The verdict, and why, in words."""
    match outcome:
        case NotAsked(why):  # 1
            return Verdict.UNKNOWN, why
        case Silent(limit_s, is_left):  # 2
            left = "; the process that asked cannot be ended" if is_left else ""
            return Verdict.WEDGED, f"no answer within {limit_s:g} s{left}"
        case Ended(status, _) if status < 0:  # 3
            return Verdict.FAULTY, f"who asked it was ended by {signal_name(-status)}"
        case Ended(status, last_line):
            return _said(status, last_line)


def _said(status: int, last_line: str) -> tuple[Verdict, str]:
    try:
        answer = msgspec.json.decode(last_line, type=Answer)
    except BAD_JSON:  # 5
        return Verdict.UNKNOWN, f"no answer, exit code {status}: {last_line[:200] or 'nothing was said'}"
    if answer.cannot_ask is not None:  # 1
        return Verdict.UNKNOWN, answer.cannot_ask
    if answer.is_not_used:  # 4
        return Verdict.HEALTHY, "not asked: this engine is not made for such cards"
    if answer.error is not None:  # 3
        return Verdict.FAULTY, answer.error[:200]
    if not answer.is_right:  # 3
        return Verdict.FAULTY, "it computes wrongly"
    return Verdict.HEALTHY, "it computes"  # 4


def all_healthy(sights: Iterable[CardSight]) -> bool:
    """Also where there is no card to be ill."""
    return all(sight.verdict is Verdict.HEALTHY for sight in sights)


def not_healthy(sights: Iterable[CardSight]) -> str:
    """The cards that are not well, in words; empty if all are."""
    return "; ".join(str(sight) for sight in sights if sight.verdict is not Verdict.HEALTHY)
