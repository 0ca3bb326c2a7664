"""How an event stream passes: whole events as they arrive; what ends badly ends with an error event, and with no end of
the message.

It runs inside the engine's `data_received`: between its socket and the client's there is no task, no future and no
queue.
"""

from __future__ import annotations

from frontdoor import refusal
from frontdoor.answers.json_text import decode_text
from frontdoor.answers.openai_api import error_event
from frontdoor.answers.sse import StreamReader, StreamState, ping
from frontdoor.engine.answer import UpstreamLost
from frontdoor.record.call import Call, Outcome, Phase
from frontdoor.refusal import Refusal
from frontdoor.relay.ending import Ending, refusal_of
from slot.bad_json import BAD_JSON

AFTER_END_S = 1.0


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
        "_reader",
        "_said",
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
        # of time.monotonic(): the last that was said to the client, but for what `takes` has passed since
        self._said = call.started
        self._around_text: tuple[bytes, bytes] | None = None
        self._expect(None)

    def takes(self, chunk: bytes, start: int, now: float) -> bool:
        """An ordinary event goes to the client in the engine's own chunk, where its answer is in chunks as well.

        One like the event before it is known by what is around its text. Nearly every event comes this way, and finds
        the processor's caches cold, for the loop has slept: there it costs 16 us, not 0.8, and each further function
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
        read_before = reader.events_read
        events = reader.feed(data)
        if events:
            self._said = now
            self._intervals.note(now, reader.events_read - read_before)
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
        self._finish(ending, outcome=Outcome.FAILED)  # not refused: the engine has worked for it

    def look(self, now: float, ping_interval_s: float) -> None:
        """Now and then: a ping where the client has heard nothing for long. Only whole events are ever written, so that
        any moment is a boundary; a client that does not read gets none.
        """
        self._intervals.settle()
        quiet_s = now - max(self._intervals.last, self._said)
        if self._reader.state is StreamState.DONE:
            if quiet_s >= AFTER_END_S:  # the engine owes nothing more than its end of the message
                self._finish(None)
        elif ping_interval_s and quiet_s >= ping_interval_s and self._connection.is_writable:
            self._said = now
            self._call.pings += 1
            self._connection.write(ping(self._call.dialect, self._reader.uses_ids))

    def _note_first(self, now: float) -> None:
        call = self._call
        call.first_byte = call.first_byte or now
        if self._reader.has_content:
            call.phase = Phase.DECODE
            call.first_token = now

    def _finish(self, trouble: Refusal | None, events: bytes = b"", outcome: Outcome | None = None) -> None:
        """`events`: the last ones that may pass. `outcome`: where it is not what the trouble says."""
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
            self._call.outcome = outcome or self._call.outcome
            if events:
                self._connection.write(events)
            if not self._reader.error_passed:
                self._connection.write(error_event(trouble, self._call.dialect))
            self._connection.hang_up()
        self._ending(None)
