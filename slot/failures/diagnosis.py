"""What a failure means: the trouble that ended the slot and the engine's last lines, in; cause and remedy, out.

    1. The engine could not be executed, serves something else, or has another's remains in its way: that is the cause,
       whatever the log says.
    2. It was ended by a signal from outside (SIGKILL, SIGTERM, SIGINT): that is the cause; old lines prove nothing.
    3. The log has a known signature: the most severe one is the cause (`catalogue`).
    4. It lives and ran out of patience: a lost card in its log, or what its last lines were about.
    5. Otherwise we do not know, and say so: the exit code and the line that looks most like a reason.

A configuration error is one that comes back with every start; a unit must not restart it (exit code 78).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from slot.failures import catalogue, finding
from slot.failures.finding import Finding
from slot.failures.plain_line import plain
from slot.failures.signature import Kind, Signature
from slot.failures.signatures.devices import DEVICES
from slot.failures.trouble import (
    Crashed,
    FaultBefore,
    LeftOver,
    LoadTimedOut,
    NotStarted,
    Stalled,
    Taken,
    Trouble,
    Wedged,
    WrongModel,
)
from slot.signal_name import signal_name
from slot.state import Failure, LoadPhase

DETAIL_LENGTH = 500

# A hang is about what was said last; further back it may have been over long ago.
_LINES_OF_A_HANG = 20


@dataclass(frozen=True)
class Diagnosis:
    """`name` is the signature's, or one of `finding`'s; `kind` tells who must act."""

    name: str
    kind: Kind
    failure: Failure


def diagnose(trouble: Trouble, lines: Sequence[str], phase: LoadPhase | None, at: float) -> Diagnosis:
    """The meaning of `trouble`.

    `lines` are the engine's last ones, oldest first, with the kernel's before them if they are at hand; `phase` is
    where its load was, None when it had been serving; `at` is seconds since the epoch and goes into the Failure as it
    is.
    """
    found = _find(trouble, [plain(line) for line in lines], phase)
    status = trouble.status if isinstance(trouble, Crashed) else None
    failure = Failure(
        cause=found.cause,
        detail=found.detail[:DETAIL_LENGTH],
        remedy=found.remedy,
        restart_can_help=found.kind.restart_can_help,
        exit_code=status if status is not None and status >= 0 else None,
        signal=signal_name(-status) if status is not None and status < 0 else None,
        at=at,
        name=found.name,
        kind=found.kind,
    )
    return Diagnosis(found.name, found.kind, failure)


def by_kernel(lines: Sequence[str]) -> Finding | None:
    """The device fault that the kernel's own lines tell of, None if they tell of none."""
    return _known(DEVICES, [plain(line) for line in lines])


def _find(trouble: Trouble, lines: Sequence[str], phase: LoadPhase | None) -> Finding:
    match trouble:
        case NotStarted(reason):
            return finding.not_started(reason)
        case WrongModel(key, found, expected):
            return finding.wrong_model(key, found, expected)
        case Crashed(status) if -status in finding.FROM_OUTSIDE:
            return finding.ended_from_outside(-status, lines, phase)
        case Crashed(status):
            return _known(catalogue.FATAL, lines) or finding.unknown_end(status, lines, phase)
        case Stalled(limit_s):
            return _known_hang(lines) or finding.stalled(limit_s, lines, phase)
        case LoadTimedOut(limit_s):
            return _known_hang(lines) or finding.too_slow(limit_s, lines, phase)
        case Wedged(limit_s, in_flight):
            return _known_hang(lines) or finding.wedged(limit_s, in_flight, lines)
        case LeftOver(what):
            return finding.left_over(what)
        case FaultBefore(name, line):
            return finding.fault_before(name, plain(line))
        case Taken(what, why):
            return finding.taken(what, why)


def _known(known: Iterable[Signature], lines: Sequence[str]) -> Finding | None:
    """The first signature that is in the log at all, shown by the last line that has it."""
    for signature in known:
        for line in reversed(lines):
            if match := signature.pattern.search(line):
                return _as_finding(signature, match, line)
    return None


def _known_hang(lines: Sequence[str]) -> Finding | None:
    """A card that is lost says so and may still hang its engine; other errors of a live engine were survived."""
    severe = [each for each in catalogue.FATAL if each.kind is Kind.DEVICE]
    return _known(severe, lines) or _known(catalogue.HANGS, lines[-_LINES_OF_A_HANG:])


def _as_finding(signature: Signature, match: re.Match[str], line: str) -> Finding:
    cause, remedy = signature.told_of(match)
    return Finding(signature.name, signature.kind, cause, remedy, detail=line.strip())
