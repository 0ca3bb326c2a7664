"""What passes in an event stream: where its events end, and whether it ended as it should. Bytes are never re-encoded.

A stream that merely stops counts as success in every client, so the relay must know the difference. A `StreamReader`
is fed with the engine's bytes in whatever pieces they arrive and gives back whole events only; a part of an event stays
inside until its rest arrives. On the way it notes what the frontdoor has to know: the proper end, an error the engine
reported, and the token usage.

    READING --[DONE], message_stop, response.completed ...--> DONE       (what follows still passes)
    READING --an error event, finish_reason "abort"---------> FAILED     (nothing after that event passes)

Events end at an empty line (https://html.spec.whatwg.org/multipage/server-sent-events.html, 9.2.5): lines may end in
LF, CR LF or CR. vLLM writes LF.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec

from frontdoor.routes import Dialect
from slot.bad_json import BAD_JSON

MAX_EVENT_BYTES = 8 << 20

# An empty line after a line: of each pair the first ending must be whole, so that CR LF is not read as two endings.
_BOUNDARY = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")

_ENDS = {
    Dialect.OPENAI: frozenset[str](),
    Dialect.RESPONSES: frozenset({"response.completed", "response.incomplete", "response.failed"}),
    Dialect.ANTHROPIC: frozenset({"message_stop"}),
}

# An event without any of these words cannot change what is known of the stream: the hot path looks no further.
# In JSON text a quote inside a string is escaped, so `"error"` with bare quotes is a key or a whole value.
_MARKS = {
    dialect: (b"[DONE]", b'"usage"', b'"error"', b'"abort"', *(name.encode() for name in sorted(ends)))
    for dialect, ends in _ENDS.items()
}


class EventTooLarge(ValueError):
    """An event grew over MAX_EVENT_BYTES without an end."""


class StreamState(StrEnum):
    READING = "reading"
    DONE = "done"
    FAILED = "failed"


class TokenDetails(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None


class Usage(msgspec.Struct, frozen=True):
    """Token counts, under the names that each of the three dialects has for them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    prompt_tokens_details: TokenDetails | None = None
    input_tokens_details: TokenDetails | None = None


class _Choice(msgspec.Struct, frozen=True):
    finish_reason: str | None = None


class _Nested(msgspec.Struct, frozen=True):
    usage: Usage | None = None


class Fields(msgspec.Struct, frozen=True):
    """The few fields that matter of an answer or of one event's data. Unknown fields are skipped."""

    type: str | None = None
    usage: Usage | None = None
    error: Any = None
    choices: list[_Choice] = []
    response: _Nested | None = None
    message: _Nested | str | None = None


class Tokens(msgspec.Struct):
    """Counted so far; 0 where the engine has not said."""

    input: int = 0
    output: int = 0
    cached: int = 0

    def note(self, usage: Usage) -> None:
        self.input = usage.prompt_tokens or usage.input_tokens or self.input
        self.output = usage.completion_tokens or usage.output_tokens or self.output
        details = usage.prompt_tokens_details or usage.input_tokens_details
        cached = details.cached_tokens if details is not None else usage.cache_read_input_tokens
        self.cached = cached or self.cached


_decode_fields = msgspec.json.Decoder(Fields).decode


def read_fields(data: bytes) -> Fields | None:
    """The known fields of a JSON object, or None for anything that is not one: judging it is the client's part."""
    try:
        return _decode_fields(data)
    except BAD_JSON:
        return None


def usages(fields: Fields) -> Iterator[Usage]:
    """Every usage that is told: beside the answer, or inside the response or message that an event carries."""
    nested = fields.message if isinstance(fields.message, _Nested) else None
    for usage in (fields.usage, fields.response and fields.response.usage, nested and nested.usage):
        if usage:
            yield usage


class StreamReader:
    """Fed with one stream's bytes; says what may pass, and what became of the stream."""

    def __init__(self, dialect: Dialect) -> None:
        self.state = StreamState.READING
        self.tokens = Tokens()
        # the event that failed the stream is an error that the client can read itself
        self.error_passed = False
        self._ends = _ENDS[dialect]
        self._marks = _MARKS[dialect]
        self._tail = b""
        self._after_cr = False

    def feed(self, data: bytes) -> bytes:
        """Takes what arrived, returns what may pass: whole events, the same bytes. Raises EventTooLarge.

        Once FAILED, nothing passes any more.
        """
        if self._after_cr and data:
            self._after_cr = False
            if data.startswith(b"\n"):  # the other half of the CR LF that ended the event before
                return b"\n" + self.feed(data[1:])
        if self._tail:
            data = self._tail + data
        if data.endswith(b"\n\n"):
            self._tail = b""
        else:
            data = self._hold_back(data)
        for mark in self._marks:
            if mark in data:
                return self._inspect(data)
        return data

    def finish(self) -> bytes:
        """The connection ended in good order: returns an end mark that came without its empty line, else nothing.

        What is left of any other event is dropped: half an event is not one.
        """
        tail, self._tail = self._tail, b""
        if tail and self.state is StreamState.READING and self._is_end(tail):
            self.state = StreamState.DONE
            return tail + b"\n\n"
        return b""

    def _hold_back(self, data: bytes) -> bytes:
        end = 0
        for boundary in _BOUNDARY.finditer(data):
            end = boundary.end()
        self._tail = data[end:]
        if len(self._tail) > MAX_EVENT_BYTES:
            raise EventTooLarge(f"an event of more than {MAX_EVENT_BYTES} bytes")
        self._after_cr = data.endswith(b"\r") and not self._tail
        return data[:end]

    def _inspect(self, data: bytes) -> bytes:
        """Looks at each event; returns all of them, or those up to and including the one that failed the stream."""
        passed = 0
        for boundary in _BOUNDARY.finditer(data):
            if self.state is StreamState.FAILED:
                return data[:passed]
            self._note(data[passed : boundary.end()])
            passed = boundary.end()
        return data

    def _note(self, event: bytes) -> None:
        if self._is_end(event):
            self.state = StreamState.DONE
        fields = read_fields(_data_of(event))
        if fields is None:
            return
        for usage in usages(fields):
            self.tokens.note(usage)
        self.error_passed = self.error_passed or bool(fields.error)
        aborted = any(choice.finish_reason == "abort" for choice in fields.choices)
        if self.state is StreamState.READING and (aborted or self.error_passed):
            self.state = StreamState.FAILED

    def _is_end(self, event: bytes) -> bool:
        data = _data_of(event)
        if data == b"[DONE]":
            return True
        fields = read_fields(data) if self._ends else None
        return fields is not None and fields.type in self._ends


def _data_of(event: bytes) -> bytes:
    """The data of an event: its `data` lines joined by LF, one space after the colon taken off."""
    lines = [line[5:].removeprefix(b" ") for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines).strip()
