"""The event log: one JSON object per line on stdout, and this is the one place that writes it.

Every line has `event` and `ts_ms` (milliseconds since the epoch); keys are sorted. Strings are escaped by JSON and cut
to 200 characters, so that no client can write lines of its own. Prompts, completions and keys are never in it.

    frontdoor_start     host, port, backend, max_active_generations, profile
    frontdoor_stop      cut_requests: how many were still open
    settings_changed    profile, and the names that changed; or `error` when a new profile could not be used
    slot_changed        profile, reason (null: a generation could start now), message
    request             one per request: see `call.Call.event`
"""

from __future__ import annotations

import sys
import time
from typing import BinaryIO

import msgspec

MAX_TEXT = 200

_encoder = msgspec.json.Encoder(order="sorted")


class EventLog:
    """Writes events. `requests` False leaves out the request events (FRONTDOOR_LOG_EVENTS)."""

    def __init__(self, stream: BinaryIO | None = None, *, requests: bool = True) -> None:
        self._stream = stream if stream is not None else sys.stdout.buffer
        self.requests = requests

    def emit(self, event: str, **fields: object) -> None:
        line = {"event": event, "ts_ms": time.time_ns() // 1_000_000} | {
            key: value[:MAX_TEXT] if isinstance(value, str) else value for key, value in fields.items()
        }
        try:
            self._stream.write(_encoder.encode(line) + b"\n")
            self._stream.flush()
        except (OSError, ValueError):
            # the reader of our stdout is gone: serving goes on, and there is nobody left to tell
            self.requests = False

    def request(self, **fields: object) -> None:
        if self.requests:
            self.emit("request", **fields)
