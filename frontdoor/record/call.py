"""One request as far as it has come: what the event log, the metrics and `/status` may tell of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from frontdoor.admission.admission import Ticket, TicketState
from frontdoor.admission.gate import Gate
from frontdoor.answers.json_text import Tokens
from frontdoor.engine.exchange import Exchange
from frontdoor.http.connection import Connection
from frontdoor.http.head import Head
from frontdoor.http.request import Request
from frontdoor.record.histogram import Intervals
from frontdoor.refusal import Reason, Refusal
from frontdoor.routes import Dialect, Route


class Stream(Protocol):
    """The event stream that is its answer, while it passes."""

    def look(self, now: float, ping_interval_s: float) -> None: ...

    def cut(self, ending: Refusal) -> None: ...


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
    Reason.INVALID_ANSWER: Outcome.ENGINE_FAILED,
    Reason.INTERNAL_ERROR: Outcome.FAILED,
}

_RETRIES = frozenset((b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"))


@dataclass(slots=True, eq=False)
class Call:
    """Times are of `time.monotonic()`; None where that point was not reached.

    `identity` is who asks, as far as shares go; `client` is the address. `lines` are our own header lines of its
    answer.
    """

    connection: Connection
    request: Request
    request_id: str
    lines: bytes
    started: float
    identity: str = ""
    route: Route | None = None
    gate: Gate | None = None
    ticket: Ticket | None = None
    exchange: Exchange | None = None
    carrier: Stream | None = None
    # while something is waited for that is not the client's body: its turn, a connection
    waiter: asyncio.Task[None] | None = None
    phase: Phase = Phase.UPLOAD
    admitted: float | None = None
    # in all its turns; an upload between two of them does not count
    queued_s: float = 0.0
    first_byte: float | None = None
    intervals: Intervals = field(default_factory=Intervals)
    # the event that brought the first token
    first_token: float | None = None
    pings: int = 0
    ended: float | None = None
    status: int | None = None
    stream: bool = False
    outcome: Outcome = Outcome.OK
    reason: Reason | None = None
    # how many generations it counts as
    weight: int = 1
    # the output tokens that were asked for, where they were limited
    output_limit: int | None = None
    tokens: Tokens = field(default_factory=Tokens)
    applied: list[str] = field(default_factory=list)

    @property
    def head(self) -> Head:
        return self.request.head

    @property
    def client(self) -> str:
        return self.connection.address

    @property
    def dialect(self) -> Dialect:
        return self.route.dialect if self.route is not None else Dialect.OPENAI

    @property
    def events(self) -> int:
        """How many events of its stream have passed."""
        return self.intervals.events

    @property
    def retry(self) -> int | None:
        """Which try this is of one call in OpenAI's and Anthropic's SDKs, where it is not the first."""
        count = self.head.get(b"x-stainless-retry-count")
        return int(count) if count in _RETRIES else None

    def release(self) -> None:
        """Gives the place back, once; before the last byte is written, as the client may ask again at once."""
        ticket = self.ticket
        if ticket is not None and self.gate is not None and ticket.state is not TicketState.GONE:
            self.gate.release(ticket)

    def refused(self, refusal: Refusal) -> None:
        self.outcome = _OUTCOMES.get(refusal.reason, Outcome.REFUSED)
        self.reason = refusal.reason

    def drop_exchange(self) -> None:
        """Nobody wants the rest of the engine's answer. One that has ended is not ours any more: the carriers take it
        away in the moment of its end, as its connection may serve another request in the next one.
        """
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.abort()

    def stop(self) -> None:
        """Nothing more is done for it, wherever it is: the engine computes for nobody, and nobody waits any more."""
        self.drop_exchange()
        self.request.forget()
        waiter, self.waiter = self.waiter, None
        if waiter is not None:
            waiter.cancel()

    def pace(self, is_writable: bool) -> None:
        """Holds the engine back while the client reads too slowly: what waits for it is bounded by the sockets."""
        exchange = self.exchange
        if exchange is None:
            return
        if is_writable:
            exchange.go_on()
        else:
            exchange.hold()
