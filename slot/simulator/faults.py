"""Faults on request: what they are called and what they take. What each does to an answer is decided in `deeds`.

A fault is named on the command line (`--simulator-fault NAME[:key=value,...]`, for the whole engine) or in the body of
one request (`"simulator_fault": "..."`, for that request alone, so that one process serves a whole matrix of faults).
A fault of the start or of the process makes no sense in a request and is refused there; one of a stream on the command
line befalls every stream.

    name               where     what happens
    slow_start         start     `seconds` of silence before `phase` (default weights)
    crash_loading      start     the failure `text` (see `failure_texts`), before `phase` if given
    say                start     says `line` (all that follows, commas too; so it comes last) in `phase` (default
                                 warmup)
    wedge_card         start     card number `card` is `how=wedged` or `how=faulty` once the engine has failed: a probe
                                 of the simulated cards finds it so (see `cards`)
    hog                start     takes `bytes` of memory and `tasks` threads, and keeps them
    ignore_sigterm     process   SIGTERM and SIGINT do nothing; only SIGKILL ends it, its children too
    hang_on_sigterm    process   while loading: no reaction; while serving: the port closes, the streams stay open and
                                 silent (both measured on vLLM 0.32, the latter with requests waiting)
    slow_health        process   /health answers after `seconds`
    slow_metrics       process   /metrics answers after `seconds`
    device_lost        engine    after `after_tokens`: UR_RESULT_ERROR_DEVICE_LOST, every stream fails, the
                                 process exits
    crash              engine    after `after_tokens` the engine core fails of an error of its own, every stream with
                                 it, and the process exits with 1
    wedge              engine    after `after_tokens` the engine stands still for good: /health says 200, /metrics
                                 answers, nothing moves in it; `how=zero`: and it says that nothing runs
    slow_prefill       engine    the prompt takes `seconds`: no counter moves, the share of the KV cache does
    die_mid_stream     stream    after `after_tokens` the connection is cut (`how=fin` or `how=rst`); on the
                                 command line the process kills itself
    stall_mid_stream   stream    after `after_tokens` no more tokens, connection open; on the command line the
                                 whole engine stands still while /health says 200
    pause              stream    after `after_tokens` silence for `seconds`, then on as before; `how=ids`: every event
                                 has an `id:` line
    silent_prefill     stream    nothing at all, not even a head
    die_before_head    stream    the connection is cut before the head (`how=fin` or `how=rst`)
    html_error         stream    502 with a page of HTML, as from a proxy on the way
    garbage            stream    `!!!!` instead of words, HTTP 200
    nan                stream    NaN where a logprob belongs; `how=vllm`: as 0.32 does it, 400 or null
    broken_frame       stream    after `after_tokens` half a frame, then a clean end
    broken_json        stream    after `after_tokens` a whole frame whose data is no JSON, then on as before
    empty_data         stream    after `after_tokens` a frame with empty data, then on as before
    no_done            stream    after `after_tokens` a clean end without `data: [DONE]`
    error_event        stream    after `after_tokens` an `event: error` whose data has no `error` key
    error_frame        stream    after `after_tokens` the error frame of vLLM's own failures, then `[DONE]`
    error_string       stream    after `after_tokens` an error frame whose `error` is a text, then `[DONE]`
    finish_abort       stream    after `after_tokens` an end as vLLM writes it after an abort: finish_reason "abort" and
                                 `[DONE]`; stop_reason null in a message; in a response nothing tells it from an end

    An answer in one piece has no frames. There half a frame and a frame that is no JSON are half the JSON in a whole
    message, a frame with empty data is an empty body, an error is status 500 with that error (200 for `error_string`),
    a pause comes before the head, and a death leaves the message shorter than its Content-Length says.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from slot.profiles.problems import nearest
from slot.simulator.failure_texts import FAILURES


class Scope(Enum):
    START = "start"
    PROCESS = "process"
    ENGINE = "engine"
    STREAM = "stream"


class FaultName(StrEnum):
    SLOW_START = "slow_start"
    CRASH_LOADING = "crash_loading"
    IGNORE_SIGTERM = "ignore_sigterm"
    HANG_ON_SIGTERM = "hang_on_sigterm"
    SLOW_HEALTH = "slow_health"
    SLOW_METRICS = "slow_metrics"
    SAY = "say"
    WEDGE_CARD = "wedge_card"
    HOG = "hog"
    DEVICE_LOST = "device_lost"
    CRASH = "crash"
    WEDGE = "wedge"
    SLOW_PREFILL = "slow_prefill"
    DIE_MID_STREAM = "die_mid_stream"
    STALL_MID_STREAM = "stall_mid_stream"
    PAUSE = "pause"
    SILENT_PREFILL = "silent_prefill"
    DIE_BEFORE_HEAD = "die_before_head"
    HTML_ERROR = "html_error"
    GARBAGE = "garbage"
    NAN = "nan"
    BROKEN_FRAME = "broken_frame"
    BROKEN_JSON = "broken_json"
    EMPTY_DATA = "empty_data"
    NO_DONE = "no_done"
    ERROR_EVENT = "error_event"
    ERROR_FRAME = "error_frame"
    ERROR_STRING = "error_string"
    FINISH_ABORT = "finish_abort"


PHASES = ("starting", "weights", "compile", "kv_cache", "graph_capture", "warmup")

_AFTER = {"after_tokens": "3"}
# Which keys each fault takes, with their defaults.
_KEYS: dict[FaultName, tuple[Scope, dict[str, str]]] = {
    FaultName.SLOW_START: (Scope.START, {"seconds": "30", "phase": "weights"}),
    FaultName.CRASH_LOADING: (Scope.START, {"text": "device_lost", "phase": ""}),
    FaultName.IGNORE_SIGTERM: (Scope.PROCESS, {}),
    FaultName.HANG_ON_SIGTERM: (Scope.PROCESS, {}),
    FaultName.SAY: (Scope.START, {"phase": "warmup", "line": "WARNING: something worth a note"}),
    FaultName.WEDGE_CARD: (Scope.START, {"card": "0", "how": "wedged"}),
    FaultName.HOG: (Scope.START, {"bytes": "0", "tasks": "0"}),
    FaultName.SLOW_HEALTH: (Scope.PROCESS, {"seconds": "10"}),
    FaultName.SLOW_METRICS: (Scope.PROCESS, {"seconds": "10"}),
    FaultName.DEVICE_LOST: (Scope.ENGINE, _AFTER),
    FaultName.CRASH: (Scope.ENGINE, _AFTER),
    FaultName.WEDGE: (Scope.ENGINE, {**_AFTER, "how": "plain"}),
    FaultName.SLOW_PREFILL: (Scope.ENGINE, {"seconds": "5"}),
    FaultName.DIE_MID_STREAM: (Scope.STREAM, {**_AFTER, "how": "fin"}),
    FaultName.STALL_MID_STREAM: (Scope.STREAM, _AFTER),
    FaultName.PAUSE: (Scope.STREAM, {**_AFTER, "seconds": "1", "how": "plain"}),
    FaultName.SILENT_PREFILL: (Scope.STREAM, {}),
    FaultName.DIE_BEFORE_HEAD: (Scope.STREAM, {"how": "fin"}),
    FaultName.HTML_ERROR: (Scope.STREAM, {}),
    FaultName.GARBAGE: (Scope.STREAM, {}),
    FaultName.NAN: (Scope.STREAM, {"how": "literal"}),
    FaultName.BROKEN_FRAME: (Scope.STREAM, _AFTER),
    FaultName.BROKEN_JSON: (Scope.STREAM, _AFTER),
    FaultName.EMPTY_DATA: (Scope.STREAM, _AFTER),
    FaultName.NO_DONE: (Scope.STREAM, _AFTER),
    FaultName.ERROR_EVENT: (Scope.STREAM, _AFTER),
    FaultName.ERROR_FRAME: (Scope.STREAM, _AFTER),
    FaultName.ERROR_STRING: (Scope.STREAM, _AFTER),
    FaultName.FINISH_ABORT: (Scope.STREAM, _AFTER),
}
_COUNTS = ("after_tokens", "card", "bytes", "tasks")
_HOW = {
    FaultName.WEDGE_CARD: ("wedged", "faulty"),
    FaultName.WEDGE: ("plain", "zero"),
    FaultName.DIE_MID_STREAM: ("fin", "rst"),
    FaultName.DIE_BEFORE_HEAD: ("fin", "rst"),
    FaultName.PAUSE: ("plain", "ids"),
    FaultName.NAN: ("literal", "vllm"),
}


class UnknownFault(ValueError):
    """The text names no fault, or not what that fault takes: the message says what was found and what is known."""


@dataclass(frozen=True)
class Fault:
    """One fault. Numbers are 0 where the fault has none, texts are empty."""

    name: FaultName
    after_tokens: int = 0
    seconds: float = 0.0
    text: str = ""
    phase: str = ""
    how: str = ""
    line: str = ""
    card: int = 0
    bytes: int = 0
    tasks: int = 0

    @property
    def scope(self) -> Scope:
        return _KEYS[self.name][0]

    @property
    def is_literal_nan(self) -> bool:
        return self.name is FaultName.NAN and self.how == "literal"


def parse(spec: str) -> Fault:
    """`name` or `name:key=value,key=value`. Raises UnknownFault."""
    name, _, rest = spec.partition(":")
    if name not in FaultName.__members__.values():
        raise UnknownFault(f"unknown fault {name!r}{_meant(name, [*FaultName])}")
    fault = FaultName(name)
    given = dict(_pair(fault, part) for part in _parts(rest) if part)
    return _checked(fault, _KEYS[fault][1] | given)


def for_request(spec: object) -> Fault | None:
    """The fault that a request asks for, or None. Raises UnknownFault, also for a fault that is not of a request."""
    if spec is None:
        return None
    fault = parse(str(spec))
    if fault.scope in (Scope.START, Scope.PROCESS):
        raise UnknownFault(f"{fault.name} is a fault of the {fault.scope.value}, give it on the command line")
    return fault


def _parts(rest: str) -> list[str]:
    """What is between the commas; a line that is to be said may have some of its own."""
    before, key, line = rest.partition("line=")
    return [*before.split(","), *([key + line] if key else [])]


def _pair(fault: FaultName, part: str) -> tuple[str, str]:
    key, equals, value = part.partition("=")
    if not equals or key not in _KEYS[fault][1]:
        known = ", ".join(_KEYS[fault][1]) or "nothing"
        raise UnknownFault(f"{fault} takes {known}, found {part!r}")
    return key, value


def _checked(name: FaultName, values: dict[str, str]) -> Fault:
    try:
        seconds, counts = float(values.get("seconds", 0)), {key: int(values.get(key, 0)) for key in _COUNTS}
    except ValueError:
        raise UnknownFault(f"{name}: not a number in {values}") from None
    if min(seconds, *counts.values()) < 0:
        raise UnknownFault(f"{name}: a number is negative in {values}")
    text, phase, how = values.get("text", ""), values.get("phase", ""), values.get("how", "")
    if text and text not in FAILURES:
        raise UnknownFault(f"unknown failure text {text!r}{_meant(text, [*FAILURES])}")
    if phase and phase not in PHASES:
        raise UnknownFault(f"unknown phase {phase!r}, known: {', '.join(PHASES)}")
    if how and how not in _HOW[name]:
        raise UnknownFault(f"{name}: how={how!r}, known: {', '.join(_HOW[name])}")
    return Fault(name, seconds=seconds, text=text, phase=phase, how=how, line=values.get("line", ""), **counts)


def _meant(name: str, known: list[str]) -> str:
    near = nearest(name, known)
    return f", did you mean {near}?" if near else f", known: {', '.join(known)}"
