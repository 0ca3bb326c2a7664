"""How an answer passes: a `Carrier` for each kind of body.

    an event stream   whole events as they arrive; what ends badly ends with an error event and no end of message
    any other body    is collected first, so that a loss or a broken answer is still a clear 502
    a very long one   passes as it arrives; a loss breaks the connection, so that it cannot pass for whole

Carriers run inside the engine's `data_received`: between its socket and the client's there is no task, no future and
no queue. What comes after the end is an `Ending`, told once what is still to be said to the client: a refusal where
nothing has been answered yet, else None.
"""

from __future__ import annotations

from collections.abc import Callable

from frontdoor import refusal
from frontdoor.answers.json_text import decode_text
from frontdoor.answers.openai_api import error_event
from frontdoor.answers.sse import StreamReader, StreamState, ping
from frontdoor.engine.exchange import Loss, UpstreamLost
from frontdoor.record.call import Call, Outcome, Phase
from frontdoor.refusal import Refusal, Refused
from slot.bad_json import BAD_JSON

COLLECTED_BYTES = 8 << 20
AFTER_END_S = 1.0


class Ending:
    """What is done when an answer has ended, whichever way: once, whoever says so first."""

    __slots__ = ("_tell",)

    def __init__(self, tell: Callable[[Refusal | Exception | None], None]) -> None:
        self._tell: Callable[[Refusal | Exception | None], None] | None = tell

    @property
    def is_over(self) -> bool:
        return self._tell is None

    def __call__(self, unsaid: Refusal | Exception | None) -> None:
        """`unsaid`: what the client has not been told yet. An exception is a bug of ours."""
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(unsaid)

    def failed(self, exc: Exception) -> None:
        """It ended by an exception; what a Refused says is what the client is told."""
        self(exc.refusal if isinstance(exc, Refused) else exc)


def refusal_of(lost: UpstreamLost, url: str = "its address") -> Refusal:
    """What a client is told of a lost exchange. `url`: where it was to be made."""
    match lost.loss:
        case Loss.UNREACHABLE:
            return refusal.unreachable(url)
        case Loss.TIMEOUT:
            return refusal.upstream_timeout(str(lost))
        case Loss.PROTOCOL:
            return refusal.upstream_protocol("broke the protocol")
        case Loss.DISCONNECTED:
            return refusal.upstream_disconnected("closed the connection before its answer was complete")


def follow_client(call: Call) -> None:
    """From here on the engine is held back whenever the client reads too slowly."""
    call.connection.on_writable = call.pace
    if not call.connection.is_writable:
        call.pace(False)


class EventCarrier:
    """Carries an event stream. The head has been sent; `ending` is told when the answer has ended, well or badly.

    A stream is whole once its end mark has passed, however the engine's connection went after that.
    """

    __slots__ = (
        "_after_text",
        "_around_text",
        "_before_text",
        "_call",
        "_connection",
        "_ending",
        "_intervals",
        "_pinged",
        "_reader",
        "_text_end",
        "_text_start",
        "_transport",
        "_uncounted",
    )

    def __init__(self, call: Call, reader: StreamReader, ending: Ending) -> None:
        self._ending = ending
        self._call = call
        self._connection = call.connection
        self._transport = call.connection.transport
        self._intervals = call.intervals
        self._uncounted = call.intervals.uncounted
        self._reader = reader
        # the last ping, of time.monotonic(); before it, nothing was silent earlier than this
        self._pinged = call.started
        self._around_text: tuple[bytes, bytes] | None = None
        self._expect(None)

    def takes(self, chunk: bytes, start: int, now: float) -> bool:
        """An ordinary event goes to the client in the engine's own chunk, where its answer is in chunks as well.

        One like the event before it is known by what is around its text. Nearly every event comes this way, and finds
        the processor's caches cold, for the loop has slept: there this costs 15 us, not 1, and each further function
        or object that is looked at one or two (measured: docs/performance.md). So it is all in one place.
        """
        if not (chunk.startswith(self._before_text, start) and chunk.endswith(self._after_text)):
            return self._takes_another(chunk, start, now)
        transport = self._transport
        try:
            decode_text(chunk[start + self._text_start : self._text_end])
        except BAD_JSON:
            return False
        if transport.is_closing():
            return False
        self._uncounted.append(now)
        transport.write(chunk)
        return True

    def _takes_another(self, chunk: bytes, start: int, now: float) -> bool:
        if not (self._connection.is_chunked and self._reader.takes(chunk[start:-2])):
            return False
        self._expect(self._reader.around_text)
        self._intervals.note(now)
        self._connection.pass_on(chunk)
        return True

    def _expect(self, around_text: tuple[bytes, bytes] | None) -> None:
        """What the next event may have around its text, to pass in its chunk; None: nothing may."""
        self._around_text = around_text
        before, after = around_text or (b"\0", b"\0")  # with which nothing begins
        self._before_text, self._after_text = before, after + b"\r\n"
        # with its quotes
        self._text_start, self._text_end = len(before) - 1, 1 - len(self._after_text)

    def arrived(self, data: bytes, now: float) -> None:
        events = self._read(data, now)
        if events:
            self._connection.write(events)
        else:
            self._connection.flush()
        if self._reader.trouble is not None:
            self._finish(self._reader.trouble)

    def ended(self, data: bytes, now: float) -> None:
        self._call.exchange = None
        reader = self._reader
        events = self._read(data, now) + reader.finish()
        trouble = reader.trouble
        if trouble is None and reader.state is not StreamState.DONE:
            trouble = refusal.upstream_disconnected("ended the stream without its end mark")
        self._finish(trouble, events)

    def _read(self, data: bytes, now: float) -> bytes:
        """What may pass of it."""
        reader = self._reader
        passed_before = reader.events
        events = reader.feed(data)
        if events:
            self._intervals.note(now, reader.events - passed_before)
            if self._call.first_token is None:
                self._note_first(now)
        if reader.around_text is not self._around_text and self._connection.is_chunked:
            self._expect(reader.around_text)
        return events

    def lost(self, lost: UpstreamLost) -> None:
        self._call.exchange = None
        self._finish(refusal_of(lost))

    def cut(self, ending: Refusal) -> None:
        """Ends the stream from our side, where it is not whole already."""
        self._finish(ending)
        if self._call.reason is ending.reason:
            self._call.outcome = Outcome.FAILED  # not refused: the engine has worked for it

    def look(self, now: float, ping_interval_s: float) -> None:
        """Now and then: a ping where the client has heard nothing for long. Only whole events are ever written, so that
        any moment is a boundary; a client that does not read gets none.
        """
        self._intervals.settle()
        quiet_s = now - max(self._intervals.last, self._pinged)
        if self._reader.state is StreamState.DONE:
            if quiet_s >= AFTER_END_S:  # the engine owes nothing more than its end of the message
                self._finish(None)
        elif ping_interval_s and quiet_s >= ping_interval_s and self._connection.is_writable:
            self._pinged = now
            self._call.pings += 1
            self._connection.write(ping(self._call.dialect, self._reader.uses_ids))

    def _note_first(self, now: float) -> None:
        call = self._call
        call.first_byte = call.first_byte or now
        if self._reader.has_content:
            call.phase = Phase.DECODE
            call.first_token = now

    def _finish(self, trouble: Refusal | None, events: bytes = b"") -> None:
        """`events`: the last ones that may pass."""
        if self._ending.is_over:
            return
        self._call.drop_exchange()
        self._call.release()
        if self._reader.state is StreamState.DONE:
            trouble = None
        if trouble is None:
            self._connection.end(events)
        else:
            self._call.refused(trouble)
            if events:
                self._connection.write(events)
            if not self._reader.error_passed:
                self._connection.write(error_event(trouble, self._call.dialect))
            self._connection.hang_up()
        self._ending(None)


class BodyCarrier:
    """Collects a body, then `finish` answers with it; one that grows over COLLECTED_BYTES is begun instead, by `begin`,
    and passes from there on. `finish` may raise Refused while nothing has been said. `begin` None: the answer is to a
    HEAD, and nothing of a body may pass.
    """

    def __init__(
        self, call: Call, ending: Ending, begin: Callable[[], None] | None, finish: Callable[[bytes], None]
    ) -> None:
        self._call = call
        self._ending = ending
        self._begin = begin
        self._finish = finish
        self._size = 0
        # None: it passes as it arrives
        self._pieces: list[bytes] | None = []

    def takes(self, chunk: bytes, start: int, now: float) -> bool:
        return False

    def arrived(self, data: bytes, now: float) -> None:
        self._call.first_byte = self._call.first_byte or now
        self._size += len(data)
        if self._pieces is None:
            self._call.connection.write(data)
            return
        self._pieces.append(data)
        if self._size <= COLLECTED_BYTES:
            return
        if self._begin is None:
            self._pieces.clear()
            self._call.drop_exchange()
            self._ending(refusal.upstream_protocol(f"answered with more than {COLLECTED_BYTES >> 20} MiB"))
        else:
            pieces, self._pieces = self._pieces, None
            self._begin()
            follow_client(self._call)
            self._call.connection.write(b"".join(pieces))

    def ended(self, data: bytes, now: float) -> None:
        self._call.exchange = None
        if data:
            self.arrived(data, now)
        if self._ending.is_over:
            return
        self._call.release()
        if self._pieces is None:
            self._call.connection.end()
            self._ending(None)
        else:
            self._answer(b"".join(self._pieces))

    def lost(self, lost: UpstreamLost) -> None:
        self._call.exchange = None
        trouble = refusal_of(lost)
        if self._pieces is None:
            self._call.refused(trouble)
            self._call.connection.hang_up()
            self._ending(None)
        else:
            self._ending(trouble)

    def _answer(self, body: bytes) -> None:
        try:
            self._finish(body)
        except Exception as exc:
            self._ending.failed(exc)
        else:
            self._ending(None)
