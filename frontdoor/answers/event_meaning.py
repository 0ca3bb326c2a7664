"""What one event of a stream means, once its data has been read: an end, an error, a generation given up, a token.

The three dialects differ in all of it, and so do the clients: an error of a form that an SDK does not know is taken for
a chunk, and nobody hears of it.
"""

from __future__ import annotations

import msgspec

from frontdoor.answers.json_text import Fields, Nested
from frontdoor.refusal import Refusal, engine_error
from frontdoor.routes import Dialect
from slot.bad_json import BAD_JSON

MAX_TOLD_CHARS = 500

_LF, _CR = b"\n\r"

# The `type` of a dialect's last event. OpenAI's is no JSON: `[DONE]`.
ENDS = {
    Dialect.OPENAI: frozenset[str](),
    Dialect.RESPONSES: frozenset({"response.completed", "response.incomplete", "response.failed"}),
    Dialect.ANTHROPIC: frozenset({"message_stop"}),
}

# vLLM ends a generation that it aborts, at its shutdown for one, with a finish like any other (0.32, vllm#57082).
_GIVEN_UP = frozenset({"abort", "error"})


def clients_raise(fields: Fields, name: bytes, dialect: Dialect) -> bool:
    """Whether every SDK raises on this error: it is an object, and for Anthropic's also the event is named `error`.

    Anthropic's SDK looks at the event's name alone, OpenAI's two at the data alone (measured with anthropic-python
    2.11, openai-python 1.x to 3.x, openai-node 6.49).
    """
    named = name == b"error" or dialect is not Dialect.ANTHROPIC
    return named and isinstance(fields.error, dict) and bool(fields.error)


class _Piece(msgspec.Struct, gc=False):
    finish_reason: None = None


class _Ordinary(msgspec.Struct, gc=False):
    """What may be in an ordinary event: what would mean anything is null or not there."""

    choices: list[_Piece]
    status: None = None
    usage: None = None
    error: None = None
    type: None = None
    message: None = None
    response: None = None


_decode_ordinary = msgspec.json.Decoder(_Ordinary).decode

# The last quote of each can only begin a string: inside of one there is no quote without a backslash before it, and
# with a backslash before the first quote it is still the end of a name.
_TEXTS = (b'"content":"', b'"text":"', b'"reasoning":"', b'"reasoning_content":"', b'"arguments":"')


def is_ordinary(data: bytes) -> bool:
    """Whether `data` is one whole event from the middle of OpenAI's streams: the next piece of a choice, nothing else.

    Nearly every arrival is. It is strict JSON, in the form in which vLLM writes events; one call of C looks at all of
    it, and what it does not take is looked at in full by `sse`.
    """
    if not (data.startswith(b"data: {") and data.endswith(b"}\n\n")):
        return False
    text = data[6:-2]
    if _LF in text or _CR in text:  # found by memchr, in 20 ns
        return False
    try:
        if not text.isascii():
            text.decode()  # msgspec does not look into the strings that it skips
        _decode_ordinary(text)
    except BAD_JSON:
        return False
    return True


def split_at_text(event: bytes) -> tuple[bytes, bytes] | None:
    """What stands around the text of an ordinary event, its quotes included: every event that has the same around a
    string of JSON is ordinary as well, for nothing in the text itself would make it otherwise. None: none was found.
    """
    for name in _TEXTS:
        before, found, rest = event.partition(name)
        if found:
            end = rest.find(b'"')
            return None if b"\\" in rest[:end] else (before + found, rest[end:])
    return None


def is_given_up(fields: Fields) -> bool:
    """Whether the engine ended this generation before its time, and says so as if it were a finish."""
    for choice in fields.choices:
        if choice.finish_reason in _GIVEN_UP:
            return True
    if fields.type is None:
        return fields.status == "cancelled"  # of a whole response
    if fields.type == "message":  # a whole one
        return fields.stop_reason is None
    if fields.type == "message_delta":  # vLLM 0.32 translates "abort" into null
        return _object(fields.delta).get("stop_reason", "not said") is None
    return isinstance(fields.response, Nested) and fields.response.status == "cancelled"


def carries_content(fields: Fields) -> bool:
    """Whether a token is in it, or the finish: vLLM's first chunk of a chat has a role and empty content."""
    if fields.type is not None:
        return fields.type.endswith("delta")  # the two dialects that name their events
    for choice in fields.choices:
        written = any(value for key, value in _object(choice.delta).items() if key != "role")
        if written or choice.text or choice.finish_reason:
            return True
    return False


def judge_whole(fields: Fields, body: bytes) -> Refusal | None:
    """Why a whole answer to a generation is none, although it came with 200. SDKs would make an empty one of it."""
    if fields.error:
        return reported(fields, body)
    return engine_error("gave this generation up") if is_given_up(fields) else None


def reported(fields: Fields | None, data: bytes) -> Refusal:
    """The engine's own words about an error, as far as there are any. `fields` None: `data` is no JSON."""
    told: object = data.decode(errors="replace")
    if fields is not None:
        error = fields.error
        told = error.get("message") if isinstance(error, dict) else error or fields.message
    if not isinstance(told, str) or not told.strip():
        return engine_error("reported an error without a word about it")
    return engine_error(f"reported an error: {told.strip()[:MAX_TOLD_CHARS]}")


def _object(raw: msgspec.Raw) -> dict[str, object]:
    try:
        value = msgspec.json.decode(raw)
    except BAD_JSON:
        return {}
    return value if isinstance(value, dict) else {}
