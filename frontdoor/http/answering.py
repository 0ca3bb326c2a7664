"""The answering half of a connection: one answer at a time, to the request that is the connection's current one.

An answer is given whole by `answer`, or begun by `begin`, written piece by piece and ended by `end`; `hang_up` breaks
it off, so that it cannot pass for whole. What comes after an answer is the reading half's to decide, in `connection`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from frontdoor.http import answer_head
from frontdoor.http.request import Request

if TYPE_CHECKING:
    from frontdoor.http.server import Server

SMALL_BODY_BYTES = 64 << 10

# these have no body, and 204 no length either (RFC 9110, 8.6)
_BODILESS = (204, 304)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Answering(asyncio.Protocol):
    """`has_begun`: an answer's head has been written, its end has not."""

    __slots__ = (
        "_current",
        "_must_close",
        "_unsent",
        "has_begun",
        "is_chunked",
        "server",
        "transport",
    )

    def __init__(self, server: Server) -> None:
        self.server = server
        self.transport = cast(asyncio.Transport, None)
        self.has_begun = False
        self.is_chunked = False
        # the request that is being answered, or whose answer is being thought of
        self._current: Request | None = None
        # this answer is the last one here
        self._must_close = False
        # the head of an answer that has no piece yet
        self._unsent = b""

    def end_after_answer(self) -> None:
        """Nothing after this request can be trusted: its answer ends the connection."""
        self._must_close = True

    def say_continue(self, request: Request) -> None:
        """Asks the client for its body (RFC 9110, 10.1.1)."""
        request.expects_continue = False
        self._write(_CONTINUE)

    def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """A whole answer. `lines` are header lines, each with its CR LF."""
        ending = self._ending()
        if self._current is not None and self._current.head.method == "HEAD":
            body, length = b"", len(body)
        else:
            length = len(body)
        head = answer_head.start(status, self.server.date, ending)
        if status in _BODILESS:
            self._write(b"%b%b\r\n" % (head, lines))
        else:
            self._write(b"%b%bcontent-length: %d\r\n\r\n%b" % (head, lines, length, body))
        self._answered()

    def begin(self, status: int, lines: bytes, length: int | None) -> None:
        """The head of an answer that comes in pieces; `length` None: nobody knows yet how long it will be.

        It is sent with the first piece or the end, or by `flush`: one packet, and one call of the kernel.
        """
        request = self._current
        self.has_begun = True
        self.is_chunked = length is None and request is not None and request.head.minor == 1
        if length is None and not self.is_chunked:
            self._must_close = True  # HTTP/1.0: the end of the connection is the end of the answer
        head = answer_head.start(status, self.server.date, self._ending())
        if self.is_chunked:
            framing = b"transfer-encoding: chunked\r\n\r\n"
        else:
            framing = b"\r\n" if length is None else b"content-length: %d\r\n\r\n" % length
        self._unsent = b"%b%b%b" % (head, lines, framing)

    def write(self, data: bytes) -> None:
        """A piece of the answer, sent with this run of the loop."""
        if self.is_chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if self._unsent:
            data, self._unsent = self._unsent + data, b""
        self._write(data)

    def pass_on(self, chunk: bytes) -> None:
        """A piece of the answer behind the first one, as a chunk already; only where `is_chunked`."""
        self._write(chunk)

    def flush(self) -> None:
        """Sends the head of an answer that has no piece yet."""
        if self._unsent:
            head, self._unsent = self._unsent, b""
            self._write(head)

    def end(self, data: bytes = b"") -> None:
        """The answer is whole; `data` is its last piece."""
        if self.is_chunked:
            data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"
        unsent, self._unsent = self._unsent, b""
        if data or unsent:
            self._write(unsent + data)
        self._answered()

    def hang_up(self) -> None:
        """Ends the connection after what was written, without the end of the message."""
        self.flush()
        self._must_close = True
        self._answered()

    def _ending(self) -> bytes:
        """The `Connection` line of the answer that is being written, where it needs one."""
        request = self._current
        if request is None or self.server.is_closing or self._leaves_body_unread(request):
            self._must_close = True
        if self._must_close:
            return b"connection: close\r\n"
        return b"connection: keep-alive\r\n" if request is not None and request.head.minor == 0 else b""

    def _leaves_body_unread(self, request: Request) -> bool:
        """Whether an answer given now has to end the connection. A small rest is on its way already, and is dropped."""
        if request.is_complete or not request.has_body:
            return False
        declared = request.content_length
        return declared is None or declared - request.size > SMALL_BODY_BYTES or request.expects_continue

    def _write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def _answered(self) -> None:
        """The answer to the current request is written."""
        raise NotImplementedError
