"""What a failure means: the trouble that ended the slot and the engine's last lines, in; cause and remedy, out.

    1. The engine could not be executed, or serves something else: that is the cause, whatever the log says.
    2. It was ended by a signal from outside (SIGKILL, SIGTERM, SIGINT): that is the cause; old lines prove nothing.
    3. The log has a known signature: the most severe one is the cause (`catalogue`).
    4. It ran out of patience: what its last line was about.
    5. Otherwise we do not know, and say so: the exit code and the line that looks most like a reason.

A configuration error is one that comes back with every start; a unit must not restart it (exit code 78).
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from slot.failures import catalogue
from slot.failures.signature import Kind, Signature
from slot.failures.trouble import Crashed, LeftOver, LoadTimedOut, NotStarted, Stalled, Trouble, Wedged, WrongModel
from slot.state import Failure, LoadPhase

DETAIL_LENGTH = 500

# ECMA-48, 5.4: what moves a terminal's cursor or changes its colours.
_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")

# A hang is about what was said last; further back it may have been over long ago.
_LINES_OF_A_HANG = 20

_KILLED = ("by an admin, or by the kernel because memory ran out", "look for an out-of-memory kill in the kernel log")
_ASKED = ("by somebody else than its supervisor", "start the slot again; nothing in the engine asked for this")
_FROM_OUTSIDE = {signal.SIGKILL: _KILLED, signal.SIGTERM: _ASKED, signal.SIGINT: _ASKED}

_EXCEPTION = re.compile(r"(?:^|[\]\s])[\w.]*(?:Error|Exception|Interrupt)(?:: |$)")
_NOTE = re.compile(r"(?:\([^)]*\) )?(?:DEBUG|INFO|WARNING)\b|\s+warnings\.warn|.*resource_tracker")


@dataclass(frozen=True)
class Diagnosis:
    """`name` is the signature's, or a word of this module; `kind` tells who must act."""

    name: str
    kind: Kind
    failure: Failure


@dataclass(frozen=True)
class _Finding:
    name: str
    kind: Kind
    cause: str
    remedy: str
    restart_can_help: bool
    detail: str = ""


def diagnose(trouble: Trouble, lines: Sequence[str], phase: LoadPhase | None, at: float) -> Diagnosis:
    """The meaning of `trouble`.

    `lines` are the engine's last ones, oldest first; `phase` is where its load was, None when it had been serving;
    `at` is seconds since the epoch and goes into the Failure as it is.
    """
    finding = _find(trouble, [_plain(line) for line in lines], phase)
    status = trouble.status if isinstance(trouble, Crashed) else None
    failure = Failure(
        cause=finding.cause,
        detail=finding.detail[:DETAIL_LENGTH],
        remedy=finding.remedy,
        restart_can_help=finding.restart_can_help,
        exit_code=status if status is not None and status >= 0 else None,
        signal=_signal_name(-status) if status is not None and status < 0 else None,
        at=at,
    )
    return Diagnosis(finding.name, finding.kind, failure)


def _plain(line: str) -> str:
    """The line as a terminal may show it: an engine's colours, and what a prompt smuggled into its log, stay out."""
    return "".join(letter if letter.isprintable() else " " for letter in _CONTROL_SEQUENCE.sub("", line))


def _find(trouble: Trouble, lines: Sequence[str], phase: LoadPhase | None) -> _Finding:
    match trouble:
        case NotStarted(reason):
            return _not_started(reason)
        case WrongModel(key, found, expected):
            return _wrong_model(key, found, expected)
        case Crashed(status) if -status in _FROM_OUTSIDE:
            return _ended_from_outside(-status, lines, phase)
        case Crashed(status):
            return _known(catalogue.FATAL, lines) or _unknown_end(status, lines, phase)
        case Stalled(limit_s):
            return _known_hang(lines) or _stalled(limit_s, lines, phase)
        case LoadTimedOut(limit_s):
            return _known_hang(lines) or _too_slow(limit_s, lines, phase)
        case Wedged(limit_s, in_flight):
            return _known_hang(lines) or _wedged(limit_s, in_flight, lines)
        case LeftOver(what):
            return _left_over(what)


def _known(known: Iterable[Signature], lines: Sequence[str]) -> _Finding | None:
    """The first signature that is in the log at all, shown by the last line that has it."""
    for signature in known:
        for line in reversed(lines):
            if match := signature.pattern.search(line):
                return _as_finding(signature, match, line)
    return None


def _known_hang(lines: Sequence[str]) -> _Finding | None:
    """A card that is lost says so and may still hang its engine; other errors of a live engine were survived."""
    severe = [each for each in catalogue.FATAL if each.kind is Kind.DEVICE]
    return _known(severe, lines) or _known(catalogue.HANGS, lines[-_LINES_OF_A_HANG:])


def _as_finding(signature: Signature, match: re.Match[str], line: str) -> _Finding:
    found = {name: text or "?" for name, text in match.groupdict().items()}
    return _Finding(
        signature.name,
        signature.kind,
        signature.cause.format(**found),
        signature.remedy.format(**found),
        signature.restart_can_help,
        detail=line.strip(),
    )


def _not_started(reason: str) -> _Finding:
    return _Finding(
        "not-started",
        Kind.CONFIGURATION,
        cause=f"the engine could not be started: {reason}",
        remedy="check MODEL_SLOT_VENV, and that the engine is installed there (`slotctl check --here`)",
        restart_can_help=False,
    )


def _wrong_model(key: str, found: str, expected: str) -> _Finding:
    return _Finding(
        "wrong-model",
        Kind.CONFIGURATION,
        cause=f"the engine serves something else than the profile says: {key} found {found}, expected {expected}",
        remedy=f"correct {key} in the profile, or stop the other engine that answers on this port",
        restart_can_help=False,
    )


def _ended_from_outside(number: int, lines: Sequence[str], phase: LoadPhase | None) -> _Finding:
    by_whom, remedy = _FROM_OUTSIDE[signal.Signals(number)]
    return _Finding(
        "killed",
        Kind.ENGINE,
        cause=f"the engine was ended by {_signal_name(number)} {_while(phase)}: {by_whom}",
        remedy=remedy,
        restart_can_help=True,
        detail=_last_line(lines),
    )


def _unknown_end(status: int, lines: Sequence[str], phase: LoadPhase | None) -> _Finding:
    how = f"crashed with {_signal_name(-status)}" if status < 0 else f"exited with code {status}"
    return _Finding(
        "unknown",
        Kind.ENGINE,
        cause=f"the engine {how} {_while(phase)}; its log shows no cause that is known here",
        remedy="read the engine's last lines",
        restart_can_help=True,
        detail=_most_telling_line(lines),
    )


def _stalled(limit_s: float, lines: Sequence[str], phase: LoadPhase | None) -> _Finding:
    return _Finding(
        "stalled",
        Kind.ENGINE,
        cause=f"the engine's log did not advance for {limit_s:g} s {_while(phase)}",
        remedy="look at the kernel log and at the engine's last line; raise MODEL_SLOT_STALL_TIMEOUT_S if it was busy",
        restart_can_help=True,
        detail=_last_line(lines),
    )


def _too_slow(limit_s: float, lines: Sequence[str], phase: LoadPhase | None) -> _Finding:
    return _Finding(
        "load-timeout",
        Kind.ENGINE,
        cause=f"the engine was not ready after {limit_s:g} s; it was still loading ({phase or 'starting'})",
        remedy="raise MODEL_SLOT_LOAD_TIMEOUT_S if it was getting on, or see why it is slow",
        restart_can_help=True,
        detail=_last_line(lines),
    )


def _wedged(limit_s: float, in_flight: int, lines: Sequence[str]) -> _Finding:
    return _Finding(
        "wedged",
        Kind.ENGINE,
        cause=f"the engine stopped generating: nothing moved for {limit_s:g} s, with {in_flight} requests in flight",
        remedy="read the incident (stacks, last lines); raise MODEL_SLOT_WEDGE_TIMEOUT_S if it was busy after all",
        restart_can_help=True,
        detail=_last_line(lines),
    )


def _left_over(what: str) -> _Finding:
    return _Finding(
        "left-over",
        Kind.DEVICE,
        cause=f"the engine before this one is not gone: {what}",
        remedy="nothing may be loaded beside it: end it in peace (SIGTERM, more than 5 s), then `slotctl recover`",
        restart_can_help=False,
    )


def _while(phase: LoadPhase | None) -> str:
    return "while it served" if phase is None else f"while it loaded ({phase.value})"


def _last_line(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _most_telling_line(lines: Sequence[str]) -> str:
    """The last exception, else the last line; warnings of the clean-up, which come after it, tell nothing."""
    for line in reversed(lines):
        if _EXCEPTION.search(line) and not _NOTE.match(line):
            return line.strip()
    return _last_line([line for line in lines if not _NOTE.match(line)]) or _last_line(lines)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"
