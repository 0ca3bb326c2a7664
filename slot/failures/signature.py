"""What one known failure is: the data of a signature, who must act on it, and how one is written down."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Who must act, and when a new start makes sense."""

    DEVICE = "device"
    """A card or its driver: nothing may be started on it before each card has answered a probe."""

    CONFIGURATION = "configuration"
    """The profile, the weights, the engine's venv or the host's set-up: the same start ends the same way."""

    QUALITY = "quality"
    """The engine computes nonsense: a restart hides it for a while."""

    ENGINE = "engine"
    """The engine fell: another start may well work."""

    BENIGN = "benign"
    """It frightens and does no harm. It ends nothing, and is never the cause of an end."""

    @property
    def restart_can_help(self) -> bool:
        """Whether a restart alone is an answer, without a person or a probe of the cards before it."""
        return self is Kind.ENGINE


@dataclass(frozen=True)
class Signature:
    """`pattern` is searched in each line; its named groups may be used in `cause` and `remedy` as {name}.

    What an engine writes may come from its clients. So a pattern that begins anywhere has no repeat without a bound
    before its end: over a line of one word again and again it would search for minutes.
    """

    name: str
    kind: Kind
    pattern: re.Pattern[str]
    cause: str
    remedy: str

    @property
    def restart_can_help(self) -> bool:
        return self.kind.restart_can_help

    def told_of(self, match: re.Match[str]) -> tuple[str, str]:
        """Cause and remedy, with what the line said of them."""
        found = {name: text or "?" for name, text in match.groupdict().items()}
        return self.cause.format(**found), self.remedy.format(**found)


def device(name: str, pattern: str, cause: str, remedy: str) -> Signature:
    return Signature(name, Kind.DEVICE, re.compile(pattern), cause, remedy)


def configuration(name: str, pattern: str, cause: str, remedy: str) -> Signature:
    return Signature(name, Kind.CONFIGURATION, re.compile(pattern), cause, remedy)


def quality(name: str, pattern: str, cause: str, remedy: str) -> Signature:
    return Signature(name, Kind.QUALITY, re.compile(pattern), cause, remedy)


def engine(name: str, pattern: str, cause: str, remedy: str) -> Signature:
    return Signature(name, Kind.ENGINE, re.compile(pattern), cause, remedy)


def benign(name: str, pattern: str, cause: str, remedy: str) -> Signature:
    return Signature(name, Kind.BENIGN, re.compile(pattern), cause, remedy)


PROBE_FIRST = "let each card be probed before anything is loaded again (`slotctl recover`)"
