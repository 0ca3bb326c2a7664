"""How an answer passes: a `Carrier` for each kind of body.

    an event stream   whole events as they arrive; what ends badly ends with an error event and no end of message
    any other body    is collected first, so that a loss or a broken answer is still a clear 502
    a very long one   passes as it arrives; a loss breaks the connection, so that it cannot pass for whole

Carriers run inside the engine's `data_received`: between its socket and the client's there is no task, no future and no
queue. What waits for them is `done`, which is resolved once, with what was wrong or None.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from frontdoor import refusal
from frontdoor.call import Call, Phase
from frontdoor.openai_api import error_event
from frontdoor.refusal import Refusal
from frontdoor.sse import EventTooLarge, StreamReader, StreamState, ping
from frontdoor.upstream import Exchange, Loss, UpstreamLost

COLLECTED_BYTES = 8 << 20


def refusal_of(lost: UpstreamLost, url: str) -> Refusal:
    """What a client is told of a lost exchange."""
    match lost.loss:
        case Loss.UNREACHABLE:
            return refusal.unreachable(url)
        case Loss.TIMEOUT:
            return refusal.upstream_timeout(str(lost))
        case Loss.PROTOCOL:
            return refusal.upstream_protocol("broke the protocol")
        case Loss.DISCONNECTED:
            return refusal.upstream_disconnected("closed the connection before its answer was complete")


class Flow:
    """Holds the engine back while the client reads too slowly: what waits for the client is bounded by the sockets."""

    def __init__(self, call: Call, exchange: Exchange) -> None:
        self._exchange = exchange
        call.connection.on_writable = self._on_writable
        if not call.connection.is_writable:
            exchange.hold()

    def _on_writable(self, is_writable: bool) -> None:
        if is_writable:
            self._exchange.go_on()
        else:
            self._exchange.hold()


class EventCarrier:
    """Carries an event stream. The head has been sent; `done` is resolved when the answer has ended, well or badly.

    A stream is whole once its end mark has passed, however the engine's connection went after that.
    """

    def __init__(self, call: Call, reader: StreamReader) -> None:
        self.done: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()
        self._call = call
        self._connection = call.connection
        self._reader = reader
        self._quiet_since = call.started

    def arrived(self, data: bytes, now: float) -> None:
        reader = self._reader
        try:
            events = reader.feed(data)
        except EventTooLarge as exc:
            self._finish(refusal.upstream_protocol(f"sent {exc}"))
            return
        if events:
            self._quiet_since = now
            call = self._call
            call.intervals.note(now, reader.events - call.events)
            call.events = reader.events
            if call.first_token is None:
                self._note_first(now)
            self._connection.write(events)
        if reader.trouble is not None:
            self._finish(reader.trouble or refusal.engine_error("gave this generation up"))

    def ended(self) -> None:
        self._call.exchange = None
        rest = self._reader.finish()
        if rest:
            self._connection.write(rest)
        self._finish(refusal.upstream_disconnected("ended the stream without its end mark"))

    def lost(self, lost: UpstreamLost) -> None:
        self._call.exchange = None
        self._finish(refusal_of(lost, ""))

    def cut(self, ending: Refusal) -> None:
        """Ends the stream from our side."""
        self._finish(ending)

    def look(self, now: float, ping_interval_s: float) -> None:
        """Now and then: a ping where the client has heard nothing for long. Only whole events are ever written, so that
        any moment is a boundary; a client that does not read gets none.
        """
        if ping_interval_s and now - self._quiet_since >= ping_interval_s and self._connection.is_writable:
            self._quiet_since = now
            self._call.pings += 1
            self._connection.write(ping(self._call.dialect, self._reader.uses_ids))

    def _note_first(self, now: float) -> None:
        call = self._call
        call.first_byte = call.first_byte or now
        if self._reader.has_content:
            call.phase = Phase.DECODE
            call.first_token = now

    def _finish(self, trouble: Refusal | None) -> None:
        if self.done.done():
            return
        self._call.drop_exchange()
        self._call.release()
        if self._reader.state is StreamState.DONE:
            trouble = None
        if trouble is None:
            self._connection.end()
        else:
            self._call.refused(trouble)
            if not self._reader.error_passed:
                self._connection.write(error_event(trouble, self._call.dialect))
            self._connection.hang_up()
        self.done.set_result(trouble)


class BodyCarrier:
    """Collects a body; one that grows over `collected_bytes` is begun and passes from there on.

    `begin` writes the head then. `done` is resolved with what was wrong; `body` is None for one that passed.
    """

    def __init__(self, call: Call, exchange: Exchange, begin: Callable[[], None], collected_bytes: int) -> None:
        self.done: asyncio.Future[UpstreamLost | None] = asyncio.get_running_loop().create_future()
        self.body: bytes | None = None
        self._call = call
        self._exchange = exchange
        self._begin = begin
        self._pieces: list[bytes] | None = []
        self._size = 0
        self._limit = collected_bytes

    def arrived(self, data: bytes, now: float) -> None:
        self._call.first_byte = self._call.first_byte or now
        self._size += len(data)
        if self._pieces is None:
            self._call.connection.write(data)
            return
        self._pieces.append(data)
        if self._size > self._limit:
            pieces, self._pieces = self._pieces, None
            self._begin()
            Flow(self._call, self._exchange)
            self._call.connection.write(b"".join(pieces))

    def ended(self) -> None:
        self._call.exchange = None
        if self._pieces is None:
            self._call.release()
            self._call.connection.end()
        else:
            self.body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._resolve(None)

    def lost(self, lost: UpstreamLost) -> None:
        self._call.exchange = None
        if self._pieces is None:
            self._call.connection.hang_up()
        self._resolve(lost)

    @property
    def has_begun(self) -> bool:
        return self._pieces is None

    def _resolve(self, lost: UpstreamLost | None) -> None:
        if not self.done.done():
            self.done.set_result(lost)
