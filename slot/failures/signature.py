"""What one known failure is: the data of a signature, who must act on it, and how one is written down."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Who must act, and when a new start makes sense."""

    DEVICE = "device"
    """A card or its driver: nothing may be started on it before somebody has probed it."""

    CONFIGURATION = "configuration"
    """The profile, the weights, the engine's venv or the host's set-up: the same start ends the same way."""

    QUALITY = "quality"
    """The engine computes nonsense: a restart hides it for a while."""

    ENGINE = "engine"
    """The engine fell: another start may well work."""


@dataclass(frozen=True)
class Signature:
    """`pattern` is searched in each line; its named groups may be used in `cause` and `remedy` as {name}."""

    name: str
    kind: Kind
    pattern: re.Pattern[str]
    cause: str
    remedy: str
    restart_can_help: bool = False


def device(name: str, pattern: str, cause: str, remedy: str) -> Signature:
    return Signature(name, Kind.DEVICE, re.compile(pattern), cause, remedy)


def configuration(name: str, pattern: str, cause: str, remedy: str) -> Signature:
    return Signature(name, Kind.CONFIGURATION, re.compile(pattern), cause, remedy)


def quality(name: str, pattern: str, cause: str, remedy: str) -> Signature:
    return Signature(name, Kind.QUALITY, re.compile(pattern), cause, remedy)


def engine(name: str, pattern: str, cause: str, remedy: str) -> Signature:
    return Signature(name, Kind.ENGINE, re.compile(pattern), cause, remedy, restart_can_help=True)


PROBE_FIRST = "stop everything that uses the cards, save the kernel log, probe each card, and only then load again"
