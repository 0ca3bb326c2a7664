"""What a trouble means by itself, where the log names no known cause: in words, with what the log says last."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from slot.failures.signature import PROBE_FIRST, Kind
from slot.signal_name import signal_name
from slot.state import LoadPhase

_KILLED = ("by an admin, or by the kernel because memory ran out", "look for an out-of-memory kill in the kernel log")
_ASKED = ("by somebody else than its supervisor", "start the slot again; nothing in the engine asked for this")
FROM_OUTSIDE = {signal.SIGKILL: _KILLED, signal.SIGTERM: _ASKED, signal.SIGINT: _ASKED}

_TWO_RUNTIMES = "; two oneAPI runtimes in one process, the host's beside the venv's, are known to end like this"

# The last alternative is pydantic's, which tells the reason after the exception's own line.
_EXCEPTION = re.compile(r"(?:^|[\]\s])[\w.]*(?:Error|Exception|Interrupt)(?:: |$)|\[type=\w+, input_value=")
# A process reports that another one failed: what that one said is the reason.
_POINTS_ELSEWHERE = re.compile(r"See (?:root cause|stack trace)|check the stack trace above")
_NOTE = re.compile(r"(?:\([^)]*\) )?(?:DEBUG|INFO|WARNING)\b|\s+warnings\.warn|.*resource_tracker")


@dataclass(frozen=True)
class Finding:
    """`detail`: the line of the log that shows it, or the last one. A failure's name is a word of its own."""

    name: str
    kind: Kind
    cause: str
    remedy: str
    detail: str = ""


def not_started(reason: str) -> Finding:
    return Finding(
        "not-started",
        Kind.CONFIGURATION,
        cause=f"the engine could not be started: {reason}",
        remedy="check MODEL_SLOT_VENV, and that the engine is installed there (`slotctl check --here`)",
    )


def wrong_model(key: str, found: str, expected: str) -> Finding:
    return Finding(
        "wrong-model",
        Kind.CONFIGURATION,
        cause=f"the engine serves something else than the profile says: {key} found {found}, expected {expected}",
        remedy=f"correct {key} in the profile, or stop the other engine that answers on this port",
    )


def ended_from_outside(number: int, lines: Sequence[str], phase: LoadPhase | None) -> Finding:
    by_whom, remedy = FROM_OUTSIDE[signal.Signals(number)]
    return Finding(
        "killed",
        Kind.ENGINE,
        cause=f"the engine was ended by {signal_name(number)} {_while(phase)}: {by_whom}",
        remedy=remedy,
        detail=_last_line(lines),
    )


def unknown_end(status: int, lines: Sequence[str], phase: LoadPhase | None) -> Finding:
    how = f"crashed with {signal_name(-status)}" if status < 0 else f"exited with code {status}"
    return Finding(
        "unknown",
        Kind.ENGINE,
        cause=f"the engine {how} {_while(phase)}; its log shows no cause that is known here",
        remedy="read the engine's last lines" + (_TWO_RUNTIMES if -status == signal.SIGSEGV else ""),
        detail=_most_telling_line(lines),
    )


def stalled(limit_s: float, lines: Sequence[str], phase: LoadPhase | None) -> Finding:
    return Finding(
        "stalled",
        Kind.ENGINE,
        cause=f"the engine's log did not advance for {limit_s:g} s {_while(phase)}",
        remedy="look at the kernel log and at the engine's last line; raise MODEL_SLOT_STALL_TIMEOUT_S if it was busy",
        detail=_last_line(lines),
    )


def too_slow(limit_s: float, lines: Sequence[str], phase: LoadPhase | None) -> Finding:
    return Finding(
        "load-timeout",
        Kind.ENGINE,
        cause=f"the engine was not ready after {limit_s:g} s; it was still loading ({phase or 'starting'})",
        remedy="raise MODEL_SLOT_LOAD_TIMEOUT_S if it was getting on, or see why it is slow",
        detail=_last_line(lines),
    )


def wedged(limit_s: float, in_flight: int, lines: Sequence[str]) -> Finding:
    return Finding(
        "wedged",
        Kind.ENGINE,
        cause=f"the engine stopped generating: nothing moved for {limit_s:g} s, with {in_flight} requests in flight",
        remedy="read the incident (stacks, last lines); raise MODEL_SLOT_WEDGE_TIMEOUT_S if it was busy after all",
        detail=_last_line(lines),
    )


def left_over(what: str) -> Finding:
    return Finding(
        "left-over",
        Kind.DEVICE,
        cause=f"the engine before this one is not gone: {what}",
        remedy="nothing may be loaded beside it: end it in peace (SIGTERM, more than 5 s), then `slotctl recover`",
    )


def fault_before(name: str, line: str) -> Finding:
    return Finding(
        "fault-before",
        Kind.DEVICE,
        cause=f"the kernel told of a device fault ({name}) while the engine before this one ran",
        remedy=f"{PROBE_FIRST}; `slotctl logs` has the engine's end",
        detail=line.strip(),
    )


def taken(what: str, why: str) -> Finding:
    return Finding(
        f"{what}-taken",
        Kind.ENGINE,  # it goes by itself when the other one has ended
        cause=f"the slot cannot begin: {why}",
        remedy="stop what is in the way in peace (SIGTERM)" + (", or change SERVE_PORT" if what == "port" else ""),
    )


def _while(phase: LoadPhase | None) -> str:
    return "while it served" if phase is None else f"while it loaded ({phase.value})"


def _last_line(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _most_telling_line(lines: Sequence[str]) -> str:
    """The last exception that tells a reason, else the last line; what comes after it of the clean-up tells nothing."""
    raised = [line.strip() for line in reversed(lines) if _EXCEPTION.search(line) and not _NOTE.match(line)]
    telling = (line for line in raised if not _POINTS_ELSEWHERE.search(line))
    if line := next(telling, None) or next(iter(raised), None):
        return line
    return _last_line([line for line in lines if not _NOTE.match(line)]) or _last_line(lines)
