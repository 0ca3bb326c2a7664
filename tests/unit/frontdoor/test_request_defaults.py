"""What a profile sets in a request, value by value."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_routes import CHAT, COMPLETIONS, route

from frontdoor.policy.request_defaults import RequestDefaults, applied, rewritten
from frontdoor.refusal import Refused

LIMITS = RequestDefaults({}, default_output_tokens=50, max_output_tokens=100)
THINKING_OFF = RequestDefaults({"enable_thinking": False})


@pytest.mark.parametrize(
    ("defaults", "route", "named", "to_set"),
    [
        (RequestDefaults(), CHAT, {}, {}),
        (RequestDefaults(), CHAT, {"max_tokens": 10**9}, {}),
        (LIMITS, CHAT, {"max_tokens": 0}, {}),
        (LIMITS, CHAT, {"max_tokens": 99}, {}),
        (LIMITS, CHAT, {"max_tokens": 100}, {}),
        (LIMITS, CHAT, {"max_tokens": 101}, {"max_tokens": 100}),
        (LIMITS, CHAT, {"max_tokens": 5, "max_completion_tokens": 101}, {"max_completion_tokens": 100}),
        (
            LIMITS,
            CHAT,
            {"max_tokens": 101, "max_completion_tokens": 102},
            {"max_tokens": 100, "max_completion_tokens": 100},
        ),
        (LIMITS, CHAT, {}, {"max_tokens": 50}),
        (LIMITS, route("/v1/responses"), {}, {"max_output_tokens": 50}),
        (LIMITS, route("/v1/messages"), {"max_tokens": 999}, {"max_tokens": 100}),
        (LIMITS, route("/tokenize"), {}, {}),
        (RequestDefaults({}, None, 100), CHAT, {}, {"max_tokens": 100}),
        (RequestDefaults({}, 500, 100), CHAT, {}, {"max_tokens": 100}),
        (RequestDefaults({}, 50, None), CHAT, {"max_tokens": 9999}, {}),
    ],
)
def test_output_limits(defaults, route, named, to_set) -> None:
    assert defaults.limits(named, route) == to_set


@pytest.mark.parametrize(
    ("defaults", "route", "fields", "missing"),
    [
        (RequestDefaults(), CHAT, {}, {}),
        (THINKING_OFF, COMPLETIONS, {}, {}),
        (THINKING_OFF, CHAT, {}, {"enable_thinking": False}),
        (THINKING_OFF, CHAT, {"chat_template_kwargs": None}, {"enable_thinking": False}),
        (THINKING_OFF, CHAT, {"chat_template_kwargs": {"x": 1}}, {"enable_thinking": False}),
        (THINKING_OFF, CHAT, {"chat_template_kwargs": {"enable_thinking": True}}, {}),
        (THINKING_OFF, CHAT, {"chat_template_kwargs": 7}, {}),
    ],
)
def test_template_arguments_of_the_client_win(defaults, route, fields, missing) -> None:
    assert defaults.missing_kwargs(fields, route) == missing


@pytest.mark.parametrize(
    ("body", "values", "template_kwargs", "expected"),
    [
        (b"{}", {"max_tokens": 50}, {}, b'{"max_tokens":50}'),
        (b'{ "max_tokens" : null }', {"max_tokens": 50}, {}, b'{"max_tokens":50}'),
        (b'{"model":"active","n":1.0}', {"model": 'a"b'}, {}, b'{"model":"a\\"b","n":1.0}'),
        (b'{"a":1}', {}, {"x": 1}, b'{"a":1,"chat_template_kwargs":{"x":1}}'),
        (b'{"chat_template_kwargs": null }', {}, {"x": 1}, b'{"chat_template_kwargs":{"x":1}}'),
        (
            b'{"chat_template_kwargs": {"y": 1.50 , "z" :[ ] }}',
            {},
            {"x": 1},
            b'{"chat_template_kwargs":{"x":1,"y":1.50,"z":[ ]}}',
        ),
        (
            b'{"messages":[ {"content" : "\\u00e4"} ],"temperature":0.10}',
            {"max_tokens": 50},
            {"a": 1},
            b'{"messages":[ {"content" : "\\u00e4"} ],"temperature":0.10,'
            b'"max_tokens":50,"chat_template_kwargs":{"a":1}}',
        ),
    ],
)
def test_a_value_that_is_not_set_keeps_its_bytes(body, values, template_kwargs, expected) -> None:
    assert rewritten(body, values, template_kwargs) == expected


def test_half_of_a_surrogate_pair_in_a_key_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        rewritten(b'{"\\ud800":1}', {"a": 1}, {})
    assert refused.value.refusal.status == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


@given(st.dictionaries(st.text(), JSON), st.dictionaries(st.text(), st.integers() | st.text(), max_size=3))
def test_only_the_named_values_change(fields, values) -> None:
    body = json.dumps(fields, indent=1).encode()
    before = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    after = msgspec.json.decode(rewritten(body, values, {}), type=dict[str, msgspec.Raw])
    assert list(after) == list({**fields, **values})
    for name, raw in after.items():
        if name in values:
            assert json.loads(bytes(raw)) == values[name]
        else:
            assert bytes(raw) == bytes(before[name])


def test_what_was_set_is_said_in_one_word_each() -> None:
    assert applied({"model": "tiny", "max_tokens": 5}, {"enable_thinking": False, "style": "short"}) == [
        "model=tiny",
        "max_tokens=5",
        "chat_template_kwargs.enable_thinking=false",
        'chat_template_kwargs.style="short"',
    ]
