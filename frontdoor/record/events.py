"""The event log: one JSON object per line on stdout, and this is the one place that writes it.

Every line has `event` and `ts_ms` (milliseconds since the epoch); keys are sorted, and what is unknown or nothing is
left out. Strings are escaped to ASCII and cut to 200 characters, so that no client can write lines, or a terminal's
control sequences, of its own. Prompts, completions and keys are never in it.

    frontdoor_start     host, port, backend, max_active_generations, profile
    frontdoor_stop      cut_requests: how many were still open
    settings_changed    profile, and the names that changed; or `error` when a new profile could not be used
    slot_changed        profile, reason (null: a generation could start now), message
    request             one per request, when it has ended: see `RequestLine`
    lines_dropped       lines: how many are missing before this one, because nobody took them (see `line_writer`)
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from time import monotonic
from typing import BinaryIO

import msgspec

from frontdoor.record.call import Call, Outcome
from frontdoor.record.line_writer import Flow, LineWriter, outlet

MAX_TEXT = 200
MAX_APPLIED = 20

_encode = msgspec.json.Encoder(order="sorted").encode


class RequestLine(msgspec.Struct, omit_defaults=True):
    """What the log tells of a request. Times are in seconds from its arrival.

    `client` is the address, `identity` who it is as far as shares go, where that is somebody else. `path` is told where
    no route was found. `phase` is where it was when its client left. `weight` is how many generations it counted as,
    `retry` which retry of an SDK it is, `applied` what the profile changed in it.
    """

    applied: list[str] = []
    cached_tokens: int = 0
    client: str = ""
    duration_s: float | None = None
    event: str = ""
    identity: str = ""
    input_tokens: int = 0
    kind: str = ""
    method: str = ""
    outcome: str = ""
    output_tokens: int = 0
    path: str = ""
    phase: str = ""
    pings: int = 0
    profile: str = ""
    queue_wait_s: float | None = None
    reason: str | None = None
    request_id: str = ""
    retry: int | None = None
    route: str = ""
    status: int | None = None
    stream: bool = False
    ts_ms: int = 0
    ttft_s: float | None = None
    weight: int = 1


class EventLog:
    """Writes events; it never waits for whoever reads them. `requests` False leaves out the request events."""

    def __init__(self, stream: BinaryIO | None = None, *, requests: bool = True) -> None:
        self.requests = requests
        self._writer = LineWriter(outlet(stream if stream is not None else sys.stdout.buffer))
        self._told_dropped = 0

    @property
    def dropped(self) -> int:
        """How many lines nobody took, since the start."""
        return self._writer.dropped

    def emit(self, event: str, **fields: object) -> None:
        """Writes an event, and what was gathered before it, at once."""
        self._write(line(event, now_ms(), fields))
        self.flush()

    def flush(self) -> None:
        """Writes what was gathered, as far as somebody takes it."""
        self._writer.flush()

    def ended(self, call: Call, profile: str) -> None:
        """Tells of a request that has ended, with the other lines of this run of the loop. It may be a while ago."""
        if self.requests:
            late_s = monotonic() - call.ended if call.ended is not None else 0.0
            self._write(request_line(call, profile, now_ms() - int(late_s * 1000)))

    def close(self, timeout_s: float = 1.0) -> None:
        """Waits for a reader that is slow, but not for long. To be called when the loop has ended."""
        self._writer.close(timeout_s)

    def _write(self, text: bytes) -> None:
        writer = self._writer
        if writer.dropped != self._told_dropped and writer.flow is Flow.FLOWING:
            missing, self._told_dropped = writer.dropped - self._told_dropped, writer.dropped
            writer.write(line("lines_dropped", now_ms(), {"lines": missing}))
        writer.write(text)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def line(event: str, ts_ms: int, fields: Mapping[str, object]) -> bytes:
    """One event as a line."""
    told = {key: value[:MAX_TEXT] if isinstance(value, str) else value for key, value in fields.items()}
    return _written(told | {"event": event, "ts_ms": ts_ms})


def request_line(call: Call, profile: str, ts_ms: int) -> bytes:
    """The line of a request that has ended. 3.5 us."""
    route, tokens, outcome, identity = call.route, call.tokens, call.outcome, call.identity
    return _written(
        RequestLine(
            applied=call.applied[:MAX_APPLIED],
            cached_tokens=tokens.cached,
            client=call.client,
            duration_s=_since(call.started, call.ended),
            event="request",
            identity=identity[:MAX_TEXT] if identity != call.client else "",
            input_tokens=tokens.input,
            kind=route.kind if route is not None else "",
            method=call.head.method[:MAX_TEXT],
            outcome=outcome,
            output_tokens=tokens.output,
            path="" if route is not None else call.head.path[:MAX_TEXT],
            phase=call.phase if outcome is Outcome.CLIENT_LEFT else "",
            pings=call.pings,
            profile=profile,
            queue_wait_s=_since(call.started, call.admitted),
            reason=call.reason,
            request_id=call.request_id[:MAX_TEXT],
            retry=call.retry,
            route=route.path if route is not None else "",
            status=call.status,
            stream=call.stream,
            ts_ms=ts_ms,
            ttft_s=_since(call.started, call.first_token),
            weight=call.weight,
        )
    )


def _since(started: float, moment: float | None) -> float | None:
    # to a tenth of a millisecond; round() takes four times as long
    return None if moment is None else int((moment - started) * 1e4) / 1e4


def _written(told: RequestLine | dict[str, object]) -> bytes:
    try:
        text = _encode(told)
        if text.isascii():
            return text + b"\n"
    except UnicodeEncodeError:  # a name of the file system that is no text
        pass
    # msgspec leaves what is not ASCII as it is, and a terminal may take some of it for commands (C1, ECMA-48)
    return json.dumps(msgspec.to_builtins(told), sort_keys=True, separators=(",", ":")).encode() + b"\n"
