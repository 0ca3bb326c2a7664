"""What passes in an event stream: where its events end, what each of them says, and whether it ended as it should.

A stream that merely stops counts as success in every client, and much of what goes wrong in one is swallowed by some of
them. So a `StreamReader` is fed with the engine's bytes in whatever pieces they arrive, reads every event, and gives
back what may pass: whole events, the same bytes, up to the one with which the stream failed. It says why in `trouble`;
the relay tells the client in an error event of its own, unless the engine's own error has passed.

    READING --[DONE], message_stop, response.completed ...--> DONE       (nothing after that event passes)
    READING --any trouble-----------------------------------> FAILED     (nothing after that event passes)

What becomes of an event, in this order:

    1. it has no data (a comment, `retry:`)                   passes; named `error`: FAILED, does not pass
    2. a line of it is no field of an event stream            FAILED, does not pass: clients drop such lines in silence,
                                                              also the first one after a byte order mark
    3. OpenAI's `[DONE]`                                      passes, DONE
    4. its data is not one strict JSON object (`json_text`)   FAILED, does not pass; empty data is no JSON either, and
                                                              openai-python dies of it
    5. an error of the form on which the clients raise        passes, FAILED, `error_passed`
    6. an error of another form                               FAILED, does not pass: clients take it for a chunk
    7. the engine gave the generation up ("abort")            FAILED, does not pass: a client would see a proper finish
                                                              before it sees our error, and may keep the answer
    8. the dialect's last event                               passes, DONE
    9. anything else                                          passes

vLLM 0.32 sends the usage before `[DONE]`, and nothing after it. It sends `[DONE]` after errors and aborts too, which is
why nothing passes once a stream has failed.

Events end at an empty line (https://html.spec.whatwg.org/multipage/server-sent-events.html, 9.2.5): lines may end in
LF, CR LF or CR. vLLM writes LF. A CR that arrives last may be half of a CR LF, so it waits for the next byte.
"""

from __future__ import annotations

import re
from enum import StrEnum

from frontdoor.answers.event_meaning import (
    ENDS,
    carries_content,
    clients_raise,
    is_given_up,
    is_ordinary,
    reported,
    split_at_text,
)
from frontdoor.answers.json_text import Tokens, read, usages
from frontdoor.refusal import Refusal, engine_error, upstream_protocol
from frontdoor.routes import Dialect

__all__ = ["StreamReader", "StreamState", "ping"]

MAX_EVENT_BYTES = 8 << 20

_BOUNDARY = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?=[^\n]))")
_LONGEST_HALF_BOUNDARY = 3  # CR LF CR

_LF = 0x0A


class StreamState(StrEnum):
    READING = "reading"
    DONE = "done"
    FAILED = "failed"


_READING = StreamState.READING  # twice for each event: a member of an enum takes 40 ns to look up


def ping(dialect: Dialect, uses_ids: bool) -> bytes:
    """What keeps a silent stream alive between two events, and is content to no client.

    Anthropic has an event for it. Elsewhere it is a comment. Clients that cut at empty lines need one after it, but
    openai-python takes an empty line for an event once the stream has used `id:` (measured with 3.52), so there the
    comment shares the next event. A bare colon is no good: one client insists on a blank and a word.
    """
    if dialect is Dialect.ANTHROPIC:
        return b'event: ping\ndata: {"type": "ping"}\n\n'
    return b": ping\n" if uses_ids else b": ping\n\n"


class StreamReader:
    """Fed with one stream's bytes; says what may pass, and what became of it. `tokens`: where they are counted."""

    __slots__ = (
        "_around_text",
        "_dialect",
        "_ends",
        "_tail",
        "error_passed",
        "events_read",
        "has_content",
        "state",
        "tokens",
        "trouble",
        "uses_ids",
    )

    def __init__(self, dialect: Dialect, tokens: Tokens | None = None) -> None:
        self.state = StreamState.READING
        # why it FAILED; as a reason for the log also when the engine's own error has passed
        self.trouble: Refusal | None = None
        # the event that failed the stream is an error that the client can read itself
        self.error_passed = False
        self.tokens = tokens if tokens is not None else Tokens()
        # that `feed` has passed, with JSON in them: what a model makes, without comments and `[DONE]`
        self.events_read = 0
        # one of them carried content or a finish, not just a role: the first token is here
        self.has_content = False
        # the stream has an `id:`, see ping()
        self.uses_ids = False
        self._dialect = dialect
        self._ends = ENDS[dialect]
        self._tail = b""
        # what stood around the text of the latest ordinary event
        self._around_text: tuple[bytes, bytes] | None = None

    def feed(self, data: bytes) -> bytes:
        """Takes what arrived, returns what may pass: whole events, the same bytes."""
        if self.state is not _READING:
            return b""
        if not self._tail and b"\r" not in data and 0 <= data.find(b"\n\n") == len(data) - 2:
            return data if self._passes(data) else b""  # one whole event, as nearly every arrival is
        start = passed = 0
        if self._tail:
            start = max(len(self._tail) - _LONGEST_HALF_BOUNDARY, 0)
            data = self._tail + data
        for end in _ends_of_events(data, start):
            if self._may_pass(data[passed:end]):
                passed = end
            if self.state is not _READING:
                self._tail = b""
                return data[:passed]
        self._tail = data[passed:]
        if len(self._tail) > MAX_EVENT_BYTES:
            self._tail = b""
            self._fail(upstream_protocol(f"sent an event of more than {MAX_EVENT_BYTES} bytes"))
        return data[:passed]

    def takes(self, event: bytes) -> bool:
        """Whether this is one whole event that passes as it is, found at a glance; nobody counts it here."""
        if not self.has_content or self._tail or self.state is not _READING or not is_ordinary(event):
            return False
        self._around_text = split_at_text(event)
        return True

    @property
    def around_text(self) -> tuple[bytes, bytes] | None:
        """What the next bytes may have around a text, to be one whole event that passes as it is; None: nothing known.

        Nearly every event differs from the one before it in its text alone. Where all the rest is the same, the text is
        all that has to be read: what was strict JSON and ordinary around one text is so around every other.
        """
        return None if self._tail or self.state is not _READING else self._around_text

    def finish(self) -> bytes:
        """The connection ended in good order: returns an end that came without its empty line, else nothing.

        Such an end is an end mark or the engine's error. What is left of any other event is dropped: it may be half of
        one, and half an event says nothing.
        """
        tail, self._tail = self._tail, b""
        if not tail:
            return b""
        if self._may_pass(tail + b"\n\n") and self.state is not StreamState.READING:
            return tail + b"\n\n"
        self.state, self.trouble = StreamState.READING, None
        return b""

    def _passes(self, event: bytes) -> bool:
        if self.takes(event):
            self.events_read += 1
            return True
        return self._may_pass(event)

    def _may_pass(self, event: bytes) -> bool:
        """Reads one whole event, and says whether it may pass (the module's list has the rules)."""
        if event.startswith(b"data: {") and event.find(b"\n") == len(event) - 2:  # vLLM's form: not taken apart
            return self._take_in(b"", event[6:])
        data: list[bytes] = []
        name = b""
        for line in event.splitlines():
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                data.append(value)
            elif field == b"event":
                name = value
            elif field == b"id":
                self.uses_ids = True
            elif field and field != b"retry":  # the field of a comment is empty
                return self._fail(upstream_protocol("sent a line that is no field of an event stream"))  # 2
        if not data:  # 1
            return name != b"error" or self._fail(reported(None, b""))
        if data[0].rstrip() == b"[DONE]" and self._dialect is Dialect.OPENAI:  # 3
            self.state = StreamState.DONE
            return True
        return self._take_in(name, b"\n".join(data))

    def _take_in(self, name: bytes, data: bytes) -> bool:
        fields = read(data)
        if isinstance(fields, Refusal):  # 4
            return self._fail(reported(None, data) if name == b"error" else fields)
        if fields.error or name == b"error" or fields.type == "error":  # 5, 6
            self.error_passed = clients_raise(fields, name, self._dialect)
            self._fail(reported(fields, data))
            return self.error_passed
        if is_given_up(fields):  # 7
            return self._fail(engine_error("gave this generation up"))
        self.events_read += 1
        if fields.usage is not None or fields.type is not None:
            for usage in usages(fields):
                self.tokens.note(usage)
        if not self.has_content:
            self.has_content = carries_content(fields)
        if fields.type in self._ends:  # 8
            self.state = StreamState.DONE
        return True

    def _fail(self, trouble: Refusal) -> bool:
        self.state = StreamState.FAILED
        self.trouble = trouble
        return False


def _ends_of_events(data: bytes, start: int) -> list[int]:
    """Where the events of `data` end; no end is at or before `start`."""
    if b"\r" in data:
        return [boundary.end() for boundary in _BOUNDARY.finditer(data, start)]
    ends = []
    while 0 < (found := data.find(b"\n", start) + 1) < len(data):
        if data[found] == _LF:
            found += 1
            ends.append(found)
        start = found
    return ends
