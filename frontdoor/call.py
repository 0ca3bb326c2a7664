"""One request as far as it has come: what the event log, the metrics and `/status` may tell of it."""

from __future__ import annotations

import asyncio
import fcntl
import termios
from dataclasses import dataclass, field
from enum import StrEnum
from sys import byteorder

from aiohttp import web

from frontdoor.refusal import Reason, Refusal
from frontdoor.routes import Route
from frontdoor.sse import Tokens


class Phase(StrEnum):
    """Where a request is. A client that leaves is counted under the phase in which it left."""

    QUEUED = "queued"
    UPLOAD = "upload"
    PREFILL = "prefill"
    DECODE = "decode"


class Outcome(StrEnum):
    """How a request ended: a closed set, the label of `frontdoor_requests_total`."""

    OK = "ok"
    REFUSED = "refused"  # by us, before the engine saw it
    REJECTED = "rejected"  # by the engine, with a 4xx of its own
    ENGINE_FAILED = "engine_failed"  # lost, timed out, cut, or a 5xx of its own
    CLIENT_LEFT = "client_left"
    FAILED = "failed"  # our own fault


_OUTCOMES = {
    Reason.UPSTREAM_DISCONNECTED: Outcome.ENGINE_FAILED,
    Reason.UPSTREAM_PROTOCOL: Outcome.ENGINE_FAILED,
    Reason.UPSTREAM_TIMEOUT: Outcome.ENGINE_FAILED,
    Reason.ENGINE_ERROR: Outcome.ENGINE_FAILED,
    Reason.INTERNAL_ERROR: Outcome.FAILED,
}


_RETRIES = frozenset("123456789")


@dataclass(slots=True, eq=False)
class Call:
    """Times are of `time.monotonic()`; None where that point was not reached."""

    request: web.BaseRequest
    request_id: str
    path: str
    query: str
    client: str
    started: float
    task: asyncio.Task[object]
    route: Route | None = None
    phase: Phase = Phase.UPLOAD
    admitted: float | None = None
    first_byte: float | None = None
    first_event: float | None = None
    last_event: float | None = None
    events: int = 0
    ended: float | None = None
    status: int | None = None
    stream: bool = False
    outcome: Outcome = Outcome.OK
    reason: Reason | None = None
    tokens: Tokens = field(default_factory=Tokens)
    applied: list[str] = field(default_factory=list)
    stalled_s: float = 0.0
    taken: int = 0  # bytes of the answer, when it was last looked at
    own_headers: dict[str, str] = field(default_factory=dict)
    # set before its task is cancelled by us: a cancelled call without it was left by its client
    ending: Refusal | None = None

    def since_start(self, moment: float | None) -> float | None:
        return None if moment is None else moment - self.started

    def refused(self, refusal: Refusal) -> None:
        self.outcome = _OUTCOMES.get(refusal.reason, Outcome.REFUSED)
        self.reason = refusal.reason

    def hang_up(self) -> None:
        """Closes the client's connection after what was written, without the end of the message.

        What comes after (aiohttp's own end of the response) finds the transport closing and is dropped.
        """
        if self.request.transport is not None:
            self.request.transport.close()

    def bytes_taken(self) -> int:
        """How much of the answer the client's host has acknowledged: as long as this grows, the client reads.

        The kernel is asked: it holds megabytes of its own, and takes more only when a third of them is free again.
        """
        transport = self.request.transport
        if transport is None:
            return self.taken
        unsent = bytearray(4)
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, unsent)
        return self.request.writer.output_size - transport.get_write_buffer_size() - int.from_bytes(unsent, byteorder)

    def event(self) -> dict[str, object]:
        """The request as one line of the event log; what is unknown is left out."""
        told: dict[str, object] = {
            "request_id": self.request_id,
            "client": self.client,
            "method": self.request.method[:20],
            "route": self.route.path if self.route else None,
            "path": None if self.route else self.path,
            "kind": self.route.kind if self.route else None,
            "status": self.status,
            "stream": self.stream or None,
            "outcome": self.outcome,
            "reason": self.reason,
            "phase": self.phase if self.outcome is Outcome.CLIENT_LEFT else None,
            "queue_wait_s": _rounded(self.since_start(self.admitted)),
            "ttft_s": _rounded(self.since_start(self.first_event)),
            "duration_s": _rounded(self.since_start(self.ended)),
            "input_tokens": self.tokens.input or None,
            "output_tokens": self.tokens.output or None,
            "cached_tokens": self.tokens.cached or None,
            "applied": self.applied or None,
            "retry": self._retry(),
        }
        return {key: value for key, value in told.items() if value is not None}

    def _retry(self) -> int | None:
        """Which try this is of one call in OpenAI's and Anthropic's SDKs, where it is not the first."""
        count = self.request.headers.get("x-stainless-retry-count", "")
        return int(count) if count in _RETRIES else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
