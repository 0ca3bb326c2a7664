"""A body from its bytes to the engine: refused, as it came, or with the few values that are set."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_routes import CHAT, route

from frontdoor.answers.openai_api import error_body
from frontdoor.policy.request_defaults import RequestDefaults
from frontdoor.policy.request_policy import ALLOWABLE_FIELDS, Asked, BodyPolicy, take
from frontdoor.refusal import Reason, Refusal, Refused
from frontdoor.routes import ROUTES, Dialect

POSTS = [route for route in ROUTES if route.method == "POST"]
OPEN = BodyPolicy()


def asked(
    fields: object, path: str = "/v1/chat/completions", policy: BodyPolicy = OPEN, served: str | None = "tiny"
) -> Asked:
    return take(json.dumps(fields).encode(), route(path), policy, served)


def refusal(fields: object, policy: BodyPolicy = OPEN, served: str | None = "tiny") -> Refusal:
    with pytest.raises(Refused) as refused:
        asked(fields, policy=policy, served=served)
    return refused.value.refusal


def test_what_is_asked_for() -> None:
    fields = {
        "model": "tiny",
        "messages": [{"role": "user", "content": "hello"}],
        "n": 3,
        "max_tokens": 20,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body = json.dumps(fields).encode()
    told = take(body, CHAT, OPEN, "tiny")
    assert told.body is body
    assert told == Asked(
        body=body,
        generations=3,
        output_tokens=20,
        prompt_bytes=len(body),
        applied=[],
    )


def test_what_is_not_asked_for() -> None:
    told = asked({})
    assert (told.generations, told.output_tokens) == (1, None)


def test_an_image_is_no_prompt_text() -> None:
    data = base64.b64encode(bytes(range(256)) * 400).decode()
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    told = asked({"model": "active", "messages": [{"role": "user", "content": [part]}]})
    assert told.prompt_bytes < 500
    assert data in told.body.decode()
    assert json.loads(told.body)["model"] == "tiny"


@pytest.mark.parametrize(
    ("model", "served", "sent", "applied"),
    [
        (None, "tiny", None, []),
        ("", "tiny", "", []),
        ("tiny", "tiny", "tiny", []),
        ("active", "tiny", "tiny", ["model=tiny"]),
        ("active", "active", "active", []),
        ("other", None, "other", []),
        (None, None, None, []),
    ],
)
def test_the_model_that_the_engine_gets(model, served, sent, applied) -> None:
    told = asked({"model": model}, served=served)
    assert json.loads(told.body)["model"] == sent
    assert told.applied == applied


def test_a_wrong_model_is_404_and_names_the_right_one() -> None:
    refused = refusal({"model": "gpt-4o"})
    assert (refused.status, refused.reason, refused.code, refused.param) == (
        404,
        Reason.BAD_MODEL,
        "model_not_found",
        "model",
    )
    assert refused.message == "the model 'gpt-4o' does not exist; this server runs 'tiny' (or use 'active')"


def test_a_wrong_model_is_told_in_one_line() -> None:
    message = refusal({"model": "x\n\ud800" * 1000}).message
    message.encode()
    assert "\n" not in message
    assert len(message) < 900


def test_the_alias_is_named_where_it_is_another_name() -> None:
    assert "or use" not in refusal({"model": "x"}, served="active").message
    assert "(or use 'now')" in refusal({"model": "x"}, policy=BodyPolicy(alias="now")).message


def test_the_alias_of_nobody_knows_which_model_is_to_be_asked_again() -> None:
    refused = refusal({"model": "active"}, served=None)
    assert (refused.status, refused.reason, refused.retry_after_s) == (503, Reason.LOADING, 2.0)


@pytest.mark.parametrize("model", [1, True, ["tiny"], {"a": 1}, 0])
def test_a_model_that_is_no_text_is_refused(model) -> None:
    for served in ("tiny", None):
        assert (refusal({"model": model}, served=served).status) == 400


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"cache_salt": "a" * 5000}, "cache_salt"),
        ({"messages": [{"content": [{"image_url": "http://images.lan/" + "a" * 5000}]}]}, "image_url"),
        ({"stream": "yes"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"n": 0}, "n"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"chat_template": "{{ x }}"}, "chat_template"),
        ({"messages": [{"content": [{"type": "image_url", "image_url": {"url": "http://a/"}}]}]}, "image_url"),
        ({"messages": [{}] * 2049}, "messages"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"ignore_eos": True}, "ignore_eos"),
        ({"max_tokens": 5, "min_tokens": 6}, "min_tokens"),
    ],
)
def test_a_refusal_names_the_field(fields, param) -> None:
    refused = refusal(fields)
    assert (refused.status, refused.param) == (400, param)


@pytest.mark.parametrize("route", POSTS, ids=lambda route: route.path)
def test_every_route_is_strict(route) -> None:
    for body in (b"", b"[]", b'{"n":1,"n":2}', b'{"a":NaN}', b'{"chat_template":"x"}', b'{"model":"other"}'):
        with pytest.raises(Refused):
            take(body, route, OPEN, "tiny")
    assert take(b'{"model": "tiny"}', route, OPEN, "tiny").body == b'{"model": "tiny"}'


def test_what_a_profile_sets_and_what_of_it_is_said() -> None:
    policy = BodyPolicy(defaults=RequestDefaults({"enable_thinking": False}, 50, 100))
    told = take(b'{ "model":"active", "seed": 1.0 }', CHAT, policy, "tiny")
    assert told.body == (
        b'{"model":"tiny","seed":1.0,"max_tokens":50,"chat_template_kwargs":{"enable_thinking":false}}'
    )
    assert told.applied == ["model=tiny", "max_tokens=50", "chat_template_kwargs.enable_thinking=false"]
    assert told.output_tokens == 50
    assert asked({"max_tokens": 101}, policy=policy).output_tokens == 100
    assert asked({"max_tokens": 9, "max_completion_tokens": 101}, policy=policy).output_tokens == 100
    assert asked({"ignore_eos": True}, policy=policy).output_tokens == 50


def test_what_a_profile_allows() -> None:
    fields = {"priority": 5, "messages": [{"content": [{"image_url": "https://images.lan/x"}]}] * 3}
    allowed = BodyPolicy(allowed_fields=frozenset({"priority"}), image_hosts=frozenset({"Images.LAN"}), max_images=3)
    assert asked(fields, policy=allowed).generations == 1
    assert (
        refusal({**fields, "priority": 5}, policy=BodyPolicy(image_hosts=frozenset({"images.lan"}))).param == "priority"
    )
    assert refusal({"top_logprobs": 1}, policy=BodyPolicy(max_logprobs=0)).param == "top_logprobs"
    assert refusal({"messages": [{}, {}]}, policy=BodyPolicy(max_messages=1)).param == "messages"


NAMES = st.text(max_size=10).filter(lambda name: name not in ALLOWABLE_FIELDS)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=10)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": st.text()}), max_size=4
)
SETTINGS = st.fixed_dictionaries(
    {"messages": MESSAGES},
    optional={
        "model": st.sampled_from(["tiny", None]),
        "n": st.integers(1, 9),
        "max_tokens": st.integers(1, 10**6),
        "stream": st.booleans(),
        "temperature": st.floats(0, 2),
        "tools": st.lists(JSON),
        "metadata": JSON,
    },
)


@given(SETTINGS, st.dictionaries(st.text(min_size=17, max_size=19), JSON), st.sampled_from([None, 2]), st.booleans())
def test_an_allowed_body_passes_as_the_same_bytes(fields, others, indent, ascii_only) -> None:
    others = {name: value for name, value in others.items() if name not in ALLOWABLE_FIELDS}
    text = json.dumps({**others, **fields}, indent=indent, ensure_ascii=ascii_only)
    body = text.encode(errors="replace")
    try:
        told = take(body, CHAT, OPEN, "tiny")
    except Refused as refused:
        assert "twice" in refused.refusal.message  # two keys became the same one by the replacement
    else:
        assert told.body is body
        assert told.applied == []


@given(SETTINGS, st.sampled_from([None, 2]))
def test_the_alias_changes_the_name_and_nothing_else(fields, indent) -> None:
    body = json.dumps({**fields, "model": "active"}, indent=indent).encode()
    told = take(body, CHAT, OPEN, "tiny")
    assert json.loads(told.body) == {**fields, "model": "tiny"}
    assert told.applied == ["model=tiny"]


KNOWN = st.sampled_from(
    [
        *ALLOWABLE_FIELDS,
        *("model", "messages", "input", "prompt", "n", "best_of", "max_tokens", "min_tokens", "ignore_eos", "stream"),
        *("stream_options", "stop", "logprobs", "top_logprobs", "images", "cache_salt", "chat_template_kwargs"),
        *("structured_outputs", "response_format", "type", "url", "source", "content", "image_url"),
    ]
)
ODD = st.recursive(
    PLAIN | st.sampled_from(["active", "tiny", "image", "data:image/png;base64,"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KNOWN, inner, max_size=4),
    max_leaves=12,
)
STRICT = BodyPolicy(defaults=RequestDefaults({"enable_thinking": False}, 50, 100))


@given(st.dictionaries(KNOWN, ODD, max_size=6), st.sampled_from(POSTS), st.sampled_from(["tiny", None]))
def test_no_object_raises_anything_but_a_refusal_that_can_be_told(fields, route, served) -> None:
    body = json.dumps(fields).encode()
    for policy in (OPEN, STRICT, BodyPolicy(allowed_fields=ALLOWABLE_FIELDS)):
        try:
            told = take(body, route, policy, served)
        except Refused as refused:
            for dialect in Dialect:
                json.loads(error_body(refused.refusal, dialect))
        else:
            assert told.generations >= 1
            assert told.output_tokens is None or told.output_tokens >= 0
            assert bool(told.applied) == (told.body is not body)


@given(st.binary(), st.sampled_from(POSTS))
def test_no_bytes_raise_anything_but_a_refusal(body, route) -> None:
    for policy in (OPEN, STRICT):
        try:
            take(body, route, policy, None)
        except Refused as refused:
            error_body(refused.refusal, Dialect.OPENAI)
