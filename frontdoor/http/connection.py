"""One client's connection: bytes in, requests out, answers in order. llhttp parses, through httptools.

What becomes of the bytes that are read:

    HEAD      --head complete, a body to come--> BODY --body complete--> BUSY
    HEAD      --head complete, no body--> BUSY
    BUSY      --answered--> HEAD               (a request that came meanwhile is taken up now)
    BODY      --answered, a small rest to come--> DROPPING --body complete--> HEAD
    any       --answered, and it must end here--> LINGERING --the client's end, or LINGER_S--> closed
    any       --no valid HTTP--> answered with 400 after what is being answered, then LINGERING

The handler is asked as soon as a head is complete, at once and without a task. While an answer is being given, further
requests of the same connection wait in line (pipelining); their number is bounded. Nothing is ever read as a request
that could be the rest of another one's body: an answer that comes before its request has been read ends the connection,
or drops the rest first where that is small.

The end of the client's side counts as leaving: an SDK that gives up closes, and nothing else tells it from one that
only ends its sending (nginx and haproxy's `abortonclose` decide the same).
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from time import monotonic
from typing import TYPE_CHECKING, cast

import httptools

from frontdoor.http.answering import Answering
from frontdoor.http.head import Fields, Head
from frontdoor.http.head_check import stand_in
from frontdoor.http.request import Request
from frontdoor.refusal import Refusal, bad_request, body_timeout, head_timeout, head_too_large

if TYPE_CHECKING:
    from frontdoor.http.limits import Limits
    from frontdoor.http.server import Server

LINGER_S = 5.0  # how long an unread body is read and dropped, so that our refusal is not lost to a reset
MAX_PIPELINED = 16
MAX_FIELDS = 128
MAX_FRAMING_BYTES = 64 << 10
MAX_SMALL_CHUNKS = 4096
SMALL_CHUNK_BYTES = 256
AHEAD_BYTES = 16 << 10  # of the body of a request that waits for the answer to the one before it
UNLIMITED = 1 << 62


class Reading(Enum):
    HEAD = auto()
    BODY = auto()
    BUSY = auto()
    DROPPING = auto()
    LINGERING = auto()


class Connection(Answering):
    """Reads requests and gives them to `server.handler`, which answers them as `Answering` says."""

    __slots__ = (
        "_ahead",
        "_chunks",
        "_field_bytes",
        "_fields",
        "_framing_bytes",
        "_head_bytes",
        "_has_ended_one",
        "_is_between",
        "_is_deaf",
        "_is_first",
        "_is_offered",
        "_parser",
        "_parsing",
        "_since",
        "_target",
        "_trouble",
        "address",
        "is_held_back",
        "is_writable",
        "on_writable",
        "reading",
        "stalled_since",
        "untaken_bytes",
    )

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.address = ""
        self.reading = Reading.HEAD
        # a slow client: whoever writes to it has to wait, and is told of every change
        self.is_writable = True
        self.on_writable: Callable[[bool], None] | None = None
        # enough of a body that nobody has asked for yet: for `server`, which asks the kernel then whether its client
        # is still there
        self.is_held_back = False
        # for `server`, which looks after clients that read nothing
        self.untaken_bytes = 0
        self.stalled_since: float | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._fields: Fields = []
        self._field_bytes = 0
        # in the latest read a request came to its end: what else is in it is not all of the next one's
        self._has_ended_one = False
        # nothing of the next request has arrived
        self._is_between = True
        # of the head that is being read
        self._head_bytes = 0
        self._framing_bytes = 0
        self._chunks = 0
        # nothing that comes is a request any more
        self._is_deaf = False
        self._is_first = True
        # a request with a body offers another protocol (Upgrade: h2c, as Java's HttpClient does with every request)
        self._is_offered = False
        # of time.monotonic(): when `reading` began to be what it is
        self._since = monotonic()
        self._parsing: Request | None = None
        self._ahead: deque[Request] = deque()
        # what the parser refused, until it can be answered
        self._trouble: Refusal | None = None

    # ---- the transport's side ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else ""
        refused = self.server.enter(self)
        if refused is not None:
            self._must_close = self._is_deaf = True
            self.server.spoiled(self, refused)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.leave(self)
        self._client_left()
        self._parser = cast(httptools.HttpRequestParser, None)  # both know each other, and would wait for the collector

    def eof_received(self) -> bool:
        self._client_left()
        return False  # the transport closes itself, after what was written

    def pause_writing(self) -> None:
        self._set_writable(False)

    def resume_writing(self) -> None:
        self._set_writable(True)

    def data_received(self, data: bytes) -> None:
        if self.reading is Reading.LINGERING or self._is_deaf:
            return
        was_between = self._is_between
        self._has_ended_one = False
        self._parse(data)
        if self._is_between:
            return
        if self._parsing is None:
            self._count_head(len(data), is_new=was_between or self._has_ended_one)
        elif self._parsing.content_length is None and not self._has_ended_one:
            self._count_framing(self._parsing, len(data))

    def _parse(self, data: bytes) -> None:
        rest: bytes | memoryview = data
        while not self._is_deaf and self.reading is not Reading.LINGERING:
            try:
                self._parser.feed_data(rest)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # Upgrade may be ignored (RFC 9110, 7.8), and is; llhttp stops there
                self._parser = httptools.HttpRequestParser(self)
                if self._is_offered and self._parsing is not None:
                    self._parser.feed_data(stand_in(self._parsing.head))
                    self._is_offered = False
                rest = memoryview(rest)[upgrade.args[0] :]
            except httptools.HttpParserError as exc:
                self._spoiled(bad_request(f"not a valid HTTP request: {str(exc)[:200]}"))
                return

    def _count_head(self, size: int, *, is_new: bool) -> None:
        """Bounds a head that is still incomplete, also one that comes while another request is being answered."""
        if is_new:
            self._since = monotonic()  # line ends before a request are none of it
            self._head_bytes = len(self._target) + self._field_bytes
        else:
            self._head_bytes += size
        if self._head_bytes > self.server.limits.max_head_bytes:
            self._spoiled(head_too_large(self.server.limits.max_head_bytes))

    def _count_framing(self, request: Request, size: int) -> None:
        """Bounds what chunks may carry beside the body: extensions and trailers, which nobody reads."""
        self._framing_bytes += size
        if self._framing_bytes > MAX_FRAMING_BYTES + 8 * request.size + self._field_bytes:
            self._spoiled(bad_request("the chunks of the request body are mostly framing"))

    def _spoiled(self, refusal: Refusal) -> None:
        """Nothing more can be read here. What is being answered still is; then this is said, and it ends."""
        if self._trouble is not None or self.reading is Reading.LINGERING:
            return
        # it is read from and nothing is heard: only a connection that is read from tells when its client leaves
        self._is_deaf = True
        self._trouble = refusal
        unfinished = self._parsing
        if unfinished is not None and not unfinished.is_complete:
            self._trouble = None  # its own answer says it, and is the last one
            self._must_close = self._must_close or unfinished is self._current
            unfinished.fail(refusal)
        elif self._current is None and not self._ahead:
            self.server.spoiled(self, refusal)

    # ---- the parser's side ----

    def on_message_begin(self) -> None:
        if self._is_offered:
            return
        self._is_between = False
        self._target = b""
        self._fields = []
        self._field_bytes = 0

    def on_url(self, part: bytes) -> None:
        if not self._is_offered:
            self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        # behind the head come trailers: nobody reads them, and their number is bounded as framing
        if not self._is_offered and self._parsing is None:
            # llhttp leaves the blanks behind a value
            self._fields.append((name.lower(), value.rstrip(b" \t")))
            self._field_bytes += len(name) + len(value) + 4

    def on_headers_complete(self) -> None:
        if self._is_offered:
            return
        parser = self._parser
        version = parser.get_http_version()
        head = Head(
            method=parser.get_method().decode("latin-1"),
            target=self._target.decode("latin-1"),
            minor=0 if version == "1.0" else 1,
            version=version,
            fields=self._fields,
            keep_alive=parser.should_keep_alive(),
        )
        request = Request(head)
        self._parsing = request
        self._framing_bytes = self._chunks = 0
        limits = self.server.limits
        if len(self._target) + self._field_bytes > limits.max_head_bytes or len(head.fields) > MAX_FIELDS:
            self._parsing = None
            self._spoiled(head_too_large(limits.max_head_bytes))
            return
        # llhttp would take the body for the other protocol's first bytes: see `_parse`
        self._is_offered = parser.should_upgrade() and request.has_body
        if self._trouble is not None or self.reading is Reading.LINGERING:
            return
        if self._current is not None or not self.is_writable:
            self._queue(request)
        else:
            self._begin(request)

    def on_chunk_header(self) -> None:
        request = self._parsing
        self._chunks += 1
        if request is not None and self._chunks > MAX_SMALL_CHUNKS + request.size // SMALL_CHUNK_BYTES:
            self._spoiled(bad_request("the request body comes in too many small chunks"))

    def on_body(self, piece: bytes) -> None:
        request = self._parsing
        if request is None or self._is_deaf or self.reading is Reading.DROPPING or self.reading is Reading.LINGERING:
            return
        request.take(piece)
        if request.size >= request.held_back_at and not self.transport.is_closing():
            self.is_held_back = True
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._is_offered:
            return
        self._is_between = self._has_ended_one = True
        request, self._parsing = self._parsing, None
        if request is None:
            return
        if request is self._current:
            self.reading = Reading.BUSY
            request.complete()  # it may be answered in this very call
            return
        request.complete()
        if self.reading is Reading.DROPPING:
            self._next()
        elif self.reading is Reading.LINGERING:
            self.transport.close()

    # ---- the order of requests ----

    def _queue(self, request: Request) -> None:
        if len(self._ahead) < MAX_PIPELINED:
            request.held_back_at = AHEAD_BYTES
            self._ahead.append(request)
            if self._current is None:
                self.reading = Reading.BUSY
        else:
            self._parsing = None
            self._spoiled(bad_request(f"more than {MAX_PIPELINED} requests were sent before an answer was read"))

    def _begin(self, request: Request) -> None:
        self._current = request
        self._is_first = False
        self.reading = Reading.BUSY if request.is_complete else Reading.BODY
        self._must_close = not request.head.keep_alive or request.has_failed
        self.server.handler(self, request)

    def _answered(self) -> None:
        """The answer to the current request is written: what comes next on this connection."""
        request, self._current = self._current, None
        self.on_writable = None
        self.has_begun = False
        if self._must_close:
            self._linger()
        elif request is not None and not request.is_complete:
            self.reading = Reading.DROPPING
            self._since = monotonic()
            self._resume_reading()
        else:
            self._next()

    def _next(self) -> None:
        self.reading = Reading.HEAD
        self._since = monotonic()
        if self.is_held_back and not self._ahead:
            self._resume_reading()  # the body of the last one was held back, and nobody has asked for it
        if self._ahead and not self.is_writable:
            self.reading = Reading.BUSY  # answers are not made for a client that reads none of them
        elif self._ahead:
            self._resume_reading()
            self._begin(self._ahead.popleft())
        elif self._trouble is not None:
            self.server.spoiled(self, self._trouble)
        elif self.server.is_closing:
            self.server.on_idle(self)

    def _linger(self) -> None:
        """Ends our side, then drops what the client still sends: closing at once would reset our answer away."""
        self.reading = Reading.LINGERING
        self._since = monotonic()
        self._ahead.clear()
        if self.transport.is_closing():
            return
        nothing_to_come = self._parsing is None and not self._is_deaf
        if nothing_to_come or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.transport.write_eof()
            self.transport.resume_reading()

    def _client_left(self) -> None:
        self.reading = Reading.LINGERING
        self._ahead.clear()
        current, self._current = self._current, None
        if current is not None:
            current.left()

    def _set_writable(self, is_writable: bool) -> None:
        self.is_writable = is_writable
        if self.on_writable is not None:
            self.on_writable(is_writable)
        elif is_writable and self._current is None and self.reading is Reading.BUSY:
            self._next()

    # ---- the handler's side ----

    def take_body(self, request: Request) -> None:
        """The request has its place: its body may come, however large it is."""
        was_held_back = request.size >= request.held_back_at
        request.held_back_at = UNLIMITED
        if was_held_back:
            self._resume_reading()

    def look(self, now: float, limits: Limits) -> None:
        """Ends what has taken too long; `now` is of time.monotonic()."""
        waited_s = now - self._since
        if self.reading is Reading.HEAD:
            if not self._is_between:
                if waited_s >= limits.head_timeout_s:
                    self._spoiled(head_timeout(limits.head_timeout_s))
            elif waited_s >= self.server.idle_s(limits.head_timeout_s if self._is_first else limits.keep_alive_s):
                self.transport.close()
        elif self.reading is Reading.BODY:
            self._look_at_upload(now, limits)
        elif self.reading in (Reading.DROPPING, Reading.LINGERING) and waited_s >= LINGER_S:
            self.transport.abort()

    @property
    def is_idle(self) -> bool:
        """Nothing is asked here, and nothing has begun to arrive."""
        is_quiet = self.reading is Reading.HEAD and self._is_between
        return is_quiet and self._trouble is None and not self.transport.is_closing()

    def detach(self) -> socket.socket | None:
        """The socket of an idle connection, for another process; here it is gone then. None: not now.

        Nothing is lost by it: what the client sends from now on waits in the socket. Not for TLS, whose state is ours.
        """
        if not self.is_idle or self.transport.get_write_buffer_size():
            return None
        duplicate: socket.socket = self.transport.get_extra_info("socket").dup()
        self.reading = Reading.LINGERING
        self.transport.abort()  # closes our descriptor; the client sees nothing of it while there is another
        return duplicate

    def _look_at_upload(self, now: float, limits: Limits) -> None:
        request = self._current
        if request is None or request.reading_since is None:
            return
        for since, limit_s in (
            (request.reading_since, limits.body_timeout_s),
            (request.last_piece, limits.body_idle_timeout_s),
        ):
            if now - since >= limit_s:
                self._must_close = True  # whatever comes late is not the next request
                request.fail(body_timeout(limit_s))
                return

    def _resume_reading(self) -> None:
        self.is_held_back = False
        if not self.transport.is_closing():
            self.transport.resume_reading()
