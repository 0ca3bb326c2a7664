"""Is an answer strict JSON, and what do the few fields say that the frontdoor reads? One decode tells both.

Whole bodies and the data of single events are read alike. Nothing is ever written back: what passes, passes as it came.

`read` decides, in this order:

    1. it is one JSON object in UTF-8                      its fields
    2. it is not UTF-8                                     refused, upstream_protocol_error
    3. it holds NaN or Infinity                            refused, invalid_number_in_answer
       (openai-node dies on them, Python takes them in silence: measured, node 6.49, openai-python 1.x to 3.x)
    4. it is no JSON, or too deeply nested to be read      refused, upstream_protocol_error
    5. it is JSON, but no object                           refused, upstream_protocol_error
    6. a known field has another shape than expected       the other fields: shapes are the client's business

msgspec answers 1 alone, in about 0.3 us for an event. It stops at the first thing wrong without a word that a program
could test, and it refuses some JSON that is allowed (an escaped half of a surrogate pair, `"\\ud800"`), so what it does
not take is read once more, slowly, for the verdict.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import msgspec

from frontdoor.refusal import Refusal, invalid_number, upstream_protocol
from slot.bad_json import BAD_JSON


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


_NOTHING = msgspec.Raw(b"null")


class Choice(msgspec.Struct, frozen=True, gc=False):
    """`text` of a completion, `delta` of a chat; the latter is not read unless somebody asks."""

    finish_reason: str | None = None
    text: str | None = None
    delta: msgspec.Raw = _NOTHING


class Nested(msgspec.Struct, frozen=True):
    """The `response` of OpenAI's Responses API, the `message` of Anthropic's."""

    status: str | None = None
    usage: Usage | None = None


class Fields(msgspec.Struct, frozen=True, gc=False):
    """The few fields that matter of an answer or of one event's data. Unknown fields are skipped."""

    type: str | None = None
    status: str | None = None
    stop_reason: str | None = None
    usage: Usage | None = None
    error: Any = None
    choices: list[Choice] = []
    delta: msgspec.Raw = _NOTHING
    response: Nested | str | None = None
    message: Nested | str | None = None


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


_decode = msgspec.json.Decoder(Fields).decode

# One string of strict JSON, its quotes included, and nothing else. Raises BAD_JSON.
decode_text = msgspec.json.Decoder(str).decode

_FIELD_TYPES = {field.name: field.type for field in msgspec.structs.fields(Fields)}


def read(data: bytes) -> Fields | Refusal:
    """The known fields of a JSON object, or why it must not pass for an answer (see the module's list)."""
    try:
        if not data.isascii():
            data.decode()  # msgspec does not look into the strings that it skips
        return _decode(data)  # 1
    except BAD_JSON:
        return _look_again(data)


def usages(fields: Fields) -> list[Usage]:
    """Every usage that is told: beside the answer, or inside the response or message that an event carries."""
    told = [] if fields.usage is None else [fields.usage]
    for nested in (fields.response, fields.message):
        if nested is not None and not isinstance(nested, str) and nested.usage is not None:
            told.append(nested.usage)
    return told


class _InvalidNumber(Exception):
    """NaN, Infinity or -Infinity where a number belongs."""


def _look_again(data: bytes) -> Fields | Refusal:
    try:
        value = json.loads(data.decode(), parse_constant=_refuse_constant, parse_float=str)
    except UnicodeDecodeError:  # 2
        return upstream_protocol("sent JSON that is not UTF-8")
    except _InvalidNumber:  # 3
        return invalid_number()
    except (ValueError, RecursionError):  # 4
        return upstream_protocol("sent broken JSON")
    if not isinstance(value, dict):  # 5
        return upstream_protocol("sent JSON that is no object")
    return _field_by_field(value)  # 6


def _field_by_field(value: dict[str, Any]) -> Fields:
    """Those of the known fields that have the expected shape: one that has not must not hide an error beside it."""
    fields = {}
    for name in _FIELD_TYPES.keys() & value.keys():
        text = json.dumps(value[name], ensure_ascii=False).encode(errors="replace")  # no halves of surrogate pairs
        try:
            fields[name] = msgspec.json.decode(text, type=_FIELD_TYPES[name])
        except BAD_JSON:
            continue
    return Fields(**fields)


def _refuse_constant(constant: str) -> NoReturn:
    raise _InvalidNumber(constant)
