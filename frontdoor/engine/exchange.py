"""The engine's side of a request: one exchange over a pooled connection, bytes as they came.

    IDLE --send--> SENT --head--> ANSWERING --end of the body--> IDLE, or closed
      any of them --lost: closed, reset, silent, no valid HTTP--> closed

An exchange is sent once. A connection that cannot be made is no exchange yet, so an idle one that turns out closed is
passed over for the next; but what was sent is never sent again: a generation may be running, and a second one would
take a second place for the same answer. There is no limit on an exchange's whole duration either, only on the connect
and on silence.

The bytes of a body are handed to a `Carrier` in the same run of the loop in which they arrived. One chunk that arrives
alone, as an engine's next event nearly always does, is offered to it with its framing on: between two chunks the parser
holds nothing, so that it need not see one that the carrier takes, and the client can have the bytes as they came.

Aborting an exchange before its end closes the connection, which is how an engine learns that nobody wants the answer
any more.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from time import monotonic
from typing import TYPE_CHECKING, cast

import httptools

from frontdoor.engine.answer import Answer, Carrier, Loss, Receiver, UpstreamLost
from frontdoor.http.head import Fields

if TYPE_CHECKING:
    from frontdoor.engine.pool import Pool

MAX_HEAD_BYTES = 256 << 10


def _chunk_head(size: int) -> bytes:
    """The line before the content of a chunk that has `size` bytes in all; empty: no chunk has."""
    for digits in range(1, 9):
        content = size - digits - len(b"\r\n\r\n")
        if 16 ** (digits - 1) <= content < 16**digits:
            return b"%x\r\n" % content
    return b""


# By the size of the chunk. Looked up it costs a third of what it takes to write it, for every event.
_CHUNK_HEADS = tuple(_chunk_head(size) for size in range(2048))


class _State(Enum):
    IDLE = auto()
    SENT = auto()
    ANSWERING = auto()
    CLOSED = auto()


class Exchange(asyncio.Protocol):
    """A connection to the engine, and the exchange that is on it."""

    __slots__ = (
        "_arrived",
        "_between_chunks",
        "_carrier",
        "_fields",
        "_head_bytes",
        "_is_whole",
        "_keeps_alive",
        "_lost",
        "_parser",
        "_pool",
        "_receiver",
        "_state",
        "_transport",
        "_until_closed",
        "heard",
        "is_held",
    )

    def __init__(self, pool: Pool) -> None:
        # of time.monotonic(): the last byte of the engine, or the sending of the request
        self.heard = 0.0
        # somebody reads too slowly: until then the engine's silence is not its own
        self.is_held = False
        self._pool = pool
        self._state = _State.IDLE
        self._transport = cast(asyncio.Transport, None)
        self._parser = httptools.HttpResponseParser(self)
        self._reset()

    def _reset(self) -> None:
        self._fields: Fields = []
        self._head_bytes = 0
        # who waits for the head, then who carries the body; neither when nobody wants the answer any more
        self._receiver: Receiver | None = None
        self._carrier: Carrier | None = None
        # the carrier, while the parser stands between two chunks
        self._between_chunks: Carrier | None = None
        self._arrived: list[bytes] = []
        self._is_whole = False
        self._keeps_alive = False
        self._until_closed = False
        self._lost: UpstreamLost | None = None

    # ---- who wants an answer ----

    @property
    def is_idle(self) -> bool:
        return self._state is _State.IDLE and not self._transport.is_closing()

    def send(self, head: bytes, body: bytes, receiver: Receiver) -> None:
        """Sends one request; `head` is complete but for the Host line, `receiver` gets the answer."""
        self._state = _State.SENT
        self.heard = monotonic()
        self._receiver = receiver
        head = b"%bhost: %b\r\n\r\n" % (head, self._pool.host_header)
        # a small body goes out with its head, a large one is not copied for that
        if len(body) < 64 << 10:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    def hold(self) -> None:
        """Takes no more from the engine until `go_on`: its client reads more slowly."""
        self.is_held = True
        self._transport.pause_reading()

    def go_on(self) -> None:
        self.is_held = False
        self.heard = monotonic()
        self._transport.resume_reading()

    def abort(self) -> None:
        """Nobody wants the rest; a connection without a rest goes back to the pool by itself before."""
        if self._state in (_State.SENT, _State.ANSWERING):
            self._let_go()
            self._close()

    def silent_for(self, now: float) -> float:
        """Seconds since the engine was last heard; 0 while it is held."""
        return 0.0 if self.is_held else now - self.heard

    def give_up(self, lost: UpstreamLost) -> None:
        """Ends it from our side, as if it had been lost; whoever waits for the answer or carries it is told."""
        self._lose(lost)

    def close_idle(self) -> None:
        self._close()

    # ---- the transport's side ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.forget(self)
        if self._until_closed and self._state is _State.ANSWERING and exc is None:
            self._is_whole = True
            self._hand_over(monotonic())
        else:
            self._lose(UpstreamLost(Loss.DISCONNECTED, str(exc or "closed")))
        self._state = _State.CLOSED
        self._parser = cast(httptools.HttpResponseParser, None)  # both know each other

    def eof_received(self) -> bool:
        return False

    def data_received(self, data: bytes) -> None:
        self.heard = now = monotonic()
        taker = self._between_chunks
        if taker is not None:
            size = len(data)
            head = _CHUNK_HEADS[size] if size < len(_CHUNK_HEADS) else _chunk_head(size)
            if head and data.startswith(head) and data.endswith(b"\r\n") and taker.takes(data, len(head), now):
                return
        before = self._state
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            self._hand_over(now)
            self._lose(UpstreamLost(Loss.PROTOCOL, str(exc)))
            return
        if self._state is _State.ANSWERING:
            if before is _State.SENT and not self._arrived and self._carrier is not None:
                self._carrier.arrived(b"", now)
            # the size of the next chunk may have begun: the parser tells only of a whole line
            if self._between_chunks is not None and not data.endswith(b"\n"):
                self._between_chunks = None
            self._hand_over(now)
        elif self._state is _State.SENT:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._lose(UpstreamLost(Loss.PROTOCOL, "a head without end"))
        elif self._state is _State.IDLE:
            self._close()  # nobody has asked for anything

    # ---- the parser's side ----

    def on_message_begin(self) -> None:
        if self._is_whole:
            self._keeps_alive = False  # a second answer to one request: nobody reads it, and nobody asks here again

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._state is _State.SENT:  # behind the head come trailers, which nobody reads
            self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._state is not _State.SENT or self._receiver is None:
            return
        _check(self._parser, self._fields)
        status = self._parser.get_status_code()
        if status < 200:
            self._fields = []  # informational: the answer itself is still to come
            return
        answer = Answer(status, self._fields)
        self._state = _State.ANSWERING
        self._keeps_alive = self._parser.should_keep_alive()  # llhttp forgets it with the end of the message
        self._until_closed = answer.content_length is None and not any(
            name == b"transfer-encoding" for name, _ in self._fields
        )
        self._carrier = self._receiver.began(answer)
        self._receiver = None

    def on_chunk_header(self) -> None:
        self._between_chunks = None

    def on_chunk_complete(self) -> None:
        self._between_chunks = self._carrier

    def on_body(self, piece: bytes) -> None:
        if self._state is not _State.ANSWERING:
            raise httptools.HttpParserError("an informational answer with a body")
        if not self._is_whole:
            self._arrived.append(piece)

    def on_message_complete(self) -> None:
        if self._state is _State.ANSWERING:
            self._is_whole = True
            self._between_chunks = None

    # ---- passing on ----

    def _hand_over(self, now: float) -> None:
        carrier = self._carrier
        if carrier is not None and (self._arrived or self._is_whole):
            pieces, self._arrived = self._arrived, []
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            if self._is_whole:
                self._let_go()
                self._return()
                carrier.ended(data, now)
                return
            carrier.arrived(data, now)
        if self._lost is not None and (waiting := self._carrier or self._receiver) is not None:
            self._let_go()
            waiting.lost(self._lost)

    def _let_go(self) -> None:
        """From here on nobody is told anything of this answer."""
        self._receiver = self._carrier = self._between_chunks = None

    def _return(self) -> None:
        """Back to the pool, if another request can be sent here: not behind one that the engine has not read whole."""
        is_sent = not self._transport.is_closing() and not self._transport.get_write_buffer_size()
        if self._keeps_alive and is_sent and self._pool.has_room:
            if self.is_held:
                self.go_on()
            self._state = _State.IDLE
            self._reset()
            self._pool.take_back(self)
        else:
            self._close()

    def _lose(self, lost: UpstreamLost) -> None:
        if self._state in (_State.IDLE, _State.CLOSED):
            self._close()
            return
        self._lost = lost
        self._close()
        self._hand_over(monotonic())

    def _close(self) -> None:
        self._state = _State.CLOSED
        self._pool.forget(self)
        self._transport.abort()


def _check(parser: httptools.HttpResponseParser, fields: Fields) -> None:
    """What llhttp lets pass of a head and nobody could carry on. Raises HttpParserError."""
    if parser.get_http_version() not in ("1.0", "1.1") or parser.get_status_code() < 100:
        raise httptools.HttpParserError("not a status line of HTTP/1")
    codings = [value.lower() for name, value in fields if name == b"transfer-encoding"]
    if codings and codings != [b"chunked"]:
        raise httptools.HttpParserError("a coding under the chunks")
