"""Strict JSON and the few fields: msgspec's quick yes, and the slow verdict on what it does not take."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.answers.json_text import Fields, Tokens, read, usages
from frontdoor.refusal import Reason, Refusal

USAGE = b'{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":8}}}'


def refused(body: bytes) -> Refusal | None:
    verdict = read(body)
    return verdict if isinstance(verdict, Refusal) else None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", None),
        (b' {"a": [1, -2.5e3, true, null, "x"]}\n', None),
        ('{"a":"\u00e9\u20ac"}'.encode(), None),
        (b'{"a":"NaN","b":"Infinity"}', None),
        (b'{"a":"\\ud800"}', None),  # allowed by RFC 8259, refused by msgspec
        (b'{"a":1e999}', None),
        (b'{"a":' + b"1" * 5000 + b"}", None),
        (b'{"usage":7,"choices":null,"type":400}', None),
        (b'{"a":NaN}', "invalid_number_in_answer"),
        (b'{"a":[0.5,-Infinity]}', "invalid_number_in_answer"),
        (b'{"usage":{"prompt_tokens":Infinity}}', "invalid_number_in_answer"),
        (b"NaN", "invalid_number_in_answer"),
        (b"", "upstream_protocol_error"),
        (b" ", "upstream_protocol_error"),
        (b'{"a":1', "upstream_protocol_error"),
        (b'{"a":1}}', "upstream_protocol_error"),
        (b'{"a":1,}', "upstream_protocol_error"),
        (b"{'a':1}", "upstream_protocol_error"),
        (b'{"a":nan}', "upstream_protocol_error"),
        (b'{"a":01}', "upstream_protocol_error"),
        (b'{"a":"\n"}', "upstream_protocol_error"),
        (b'{"a":"\xff"}', "upstream_protocol_error"),
        (b'{"a":"\xed\xa0\x80"}', "upstream_protocol_error"),
        (b'\xef\xbb\xbf{"a":1}', "upstream_protocol_error"),
        ('{"a":1}'.encode("utf-16"), "upstream_protocol_error"),
        (b'{"a":' * 100_000, "upstream_protocol_error"),
        (b"[]", "upstream_protocol_error"),
        (b'"text"', "upstream_protocol_error"),
        (b"null", "upstream_protocol_error"),
    ],
)
def test_a_whole_answer_is_one_strict_json_object(body, code) -> None:
    refusal = refused(body)
    assert (refusal and refusal.code) == code
    assert refusal is None or refusal.status == 502


def test_nan_has_a_reason_of_its_own() -> None:
    refusal = refused(b'{"a":NaN}')
    assert refusal is not None
    assert refusal.reason is Reason.INVALID_ANSWER


@pytest.mark.parametrize("body", [b"", b"[]", b'{"type":"\xff"}', b"[" * 100_000, b'{"a":NaN}'])
def test_what_is_refused_has_no_fields(body) -> None:
    assert isinstance(read(body), Refusal)


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (b"{}", (0, 0, 0)),
        (USAGE, (11, 5, 8)),
        (b'{"usage":{"input_tokens":3,"output_tokens":4,"cache_read_input_tokens":2}}', (3, 4, 2)),
        (b'{"message":{"usage":{"input_tokens":9}}}', (9, 0, 0)),
        (b'{"message":"in words","usage":{"prompt_tokens":1}}', (1, 0, 0)),
        (b'{"response":{"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":2}}}}', (9, 0, 2)),
        (b'{"usage":{"prompt_tokens":1e400}}', (0, 0, 0)),
        (b'{"usage":null}', (0, 0, 0)),
    ],
)
def test_the_usage_is_read_in_the_same_go(body, tokens) -> None:
    fields = read(body)
    assert isinstance(fields, Fields)
    counted = Tokens()
    for usage in usages(fields):
        counted.note(usage)
    assert counted == Tokens(*tokens)


def test_a_field_of_an_odd_shape_does_not_hide_those_beside_it() -> None:
    fields = read(b'{"choices":null,"usage":"many","type":"x","error":{"message":"m","at":1.5}}')
    assert isinstance(fields, Fields)
    assert (fields.choices, fields.usage, fields.type) == ([], None, "x")
    assert isinstance(fields.error, dict)
    assert fields.error["message"] == "m"


finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), finite, st.text()),
    lambda children: st.one_of(st.lists(children), st.dictionaries(st.text(), children)),
    max_leaves=12,
)


@given(value=st.dictionaries(st.text(), values), ascii_only=st.booleans())
def test_any_json_object_passes(value, ascii_only) -> None:
    assert refused(json.dumps(value, ensure_ascii=ascii_only).encode()) is None


@given(value=st.dictionaries(st.text(), values), number=st.sampled_from([math.nan, math.inf, -math.inf]))
def test_any_object_with_a_number_that_is_none_is_found_out(value, number) -> None:
    refusal = refused(json.dumps({**value, "choices": [{"logprobs": [number]}]}).encode())
    assert refusal is not None
    assert refusal.code == "invalid_number_in_answer"


@given(body=st.binary(max_size=60))
def test_any_bytes_get_a_verdict(body) -> None:
    assert isinstance(read(body), Fields | Refusal)
