"""Error bodies in two dialects, and what a profile may set in a request."""

from __future__ import annotations

import json

import pytest

from frontdoor.openai_api import RequestDefaults, apply_defaults, error_body, error_event, hide_local_paths
from frontdoor.refusal import Reason, Refusal, Refused, bad_request, internal_error, too_large, upstream_timeout
from frontdoor.routes import Dialect, Route, find

BUSY = Refusal(status=503, reason=Reason.AT_CAPACITY, code="server_is_overloaded", message="busy", details={"n": 1})


def route(path: str) -> Route:
    found = find("POST", path)
    assert isinstance(found, Route)
    return found


CHAT = route("/v1/chat/completions")
COMPLETIONS = route("/v1/completions")


def test_an_openai_error_is_an_object_with_the_four_fields_and_the_details() -> None:
    assert json.loads(error_body(BUSY, Dialect.OPENAI)) == {
        "error": {
            "message": "busy",
            "type": "service_unavailable_error",
            "param": None,
            "code": "server_is_overloaded",
            "n": 1,
        }
    }


def test_an_anthropic_error_has_its_type_outside() -> None:
    assert json.loads(error_body(BUSY, Dialect.ANTHROPIC)) == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "busy", "code": "server_is_overloaded", "n": 1},
    }


@pytest.mark.parametrize(
    ("refusal", "openai", "anthropic"),
    [
        (bad_request("x"), "invalid_request_error", "invalid_request_error"),
        (too_large(1), "invalid_request_error", "request_too_large"),
        (internal_error(), "server_error", "api_error"),
        (upstream_timeout(1.0), "upstream_error", "api_error"),
    ],
)
def test_the_type_of_an_error_follows_its_status(refusal, openai, anthropic) -> None:
    assert json.loads(error_body(refusal, Dialect.OPENAI))["error"]["type"] == openai
    assert json.loads(error_body(refusal, Dialect.RESPONSES))["error"]["type"] == openai
    assert json.loads(error_body(refusal, Dialect.ANTHROPIC))["error"]["type"] == anthropic


def test_an_error_event_is_one_whole_event() -> None:
    event = error_event(bad_request("two\nlines"), Dialect.OPENAI)
    assert event.startswith(b'data: {"error":{')
    assert event.endswith(b"}}\n\n")
    assert event.count(b"\n") == 2
    assert error_event(BUSY, Dialect.ANTHROPIC).startswith(b'event: error\ndata: {"type":"error",')


THINKING_OFF = RequestDefaults({"enable_thinking": False})
LIMITS = RequestDefaults({}, default_output_tokens=50, max_output_tokens=100)


@pytest.mark.parametrize(
    ("defaults", "route", "body", "expected", "applied"),
    [
        (RequestDefaults(), CHAT, b" anything ", b" anything ", []),
        (THINKING_OFF, COMPLETIONS, b" anything ", b" anything ", []),
        (
            THINKING_OFF,
            CHAT,
            b'{"a": 1}',
            b'{"a":1,"chat_template_kwargs":{"enable_thinking":false}}',
            ["chat_template_kwargs.enable_thinking=false"],
        ),
        (
            THINKING_OFF,
            CHAT,
            b'{"chat_template_kwargs": {"x": 1.50}}',
            b'{"chat_template_kwargs":{"enable_thinking":false,"x":1.5}}',
            ["chat_template_kwargs.enable_thinking=false"],
        ),
        (
            THINKING_OFF,
            CHAT,
            b'{"chat_template_kwargs":null}',
            b'{"chat_template_kwargs":{"enable_thinking":false}}',
            ["chat_template_kwargs.enable_thinking=false"],
        ),
        (THINKING_OFF, CHAT, b'{ "chat_template_kwargs":{"enable_thinking":true}}', None, []),
        (THINKING_OFF, CHAT, b'{ "chat_template_kwargs": 7}', None, []),
        (LIMITS, CHAT, b"{}", b'{"max_tokens":50}', ["max_tokens=50"]),
        (LIMITS, CHAT, b'{"max_tokens":null}', b'{"max_tokens":50}', ["max_tokens=50"]),
        (LIMITS, CHAT, b'{ "max_tokens": 99}', None, []),
        (LIMITS, CHAT, b'{ "max_tokens": 100}', None, []),
        (LIMITS, CHAT, b'{"max_tokens":101}', b'{"max_tokens":100}', ["max_tokens=100"]),
        (LIMITS, CHAT, b'{"max_tokens":1e9}', b'{"max_tokens":100}', ["max_tokens=100"]),
        (LIMITS, CHAT, b'{"max_tokens":"101"}', b'{"max_tokens":100}', ["max_tokens=100"]),
        (
            LIMITS,
            CHAT,
            b'{"max_tokens":5,"max_completion_tokens":101}',
            b'{"max_tokens":5,"max_completion_tokens":100}',
            ["max_completion_tokens=100"],
        ),
        (LIMITS, CHAT, b'{"max_tokens":7,"max_tokens":101}', b'{"max_tokens":100}', ["max_tokens=100"]),
        (LIMITS, route("/v1/responses"), b"{}", b'{"max_output_tokens":50}', ["max_output_tokens=50"]),
        (LIMITS, route("/v1/messages"), b'{"max_tokens":999}', b'{"max_tokens":100}', ["max_tokens=100"]),
        (LIMITS, route("/tokenize"), b"not json", b"not json", []),
        (RequestDefaults({}, None, 100), CHAT, b"{}", b'{"max_tokens":100}', ["max_tokens=100"]),
        (RequestDefaults({}, 500, 100), CHAT, b"{}", b'{"max_tokens":100}', ["max_tokens=100"]),
        (RequestDefaults({}, 50, None), CHAT, b'{ "max_tokens":9999}', None, []),
        (
            RequestDefaults({"a": 1}, 50, None),
            CHAT,
            b'{"messages":[ {"content" : "\\u00e4"} ],"temperature":0.10}',
            b'{"messages":[ {"content" : "\\u00e4"} ],"temperature":0.10,'
            b'"max_tokens":50,"chat_template_kwargs":{"a":1}}',
            ["max_tokens=50", "chat_template_kwargs.a=1"],
        ),
    ],
)
def test_what_the_profile_sets(defaults, route, body, expected, applied) -> None:
    changed, said = apply_defaults(body, route, defaults)
    assert said == applied
    if expected is None:
        assert changed is body  # byte for byte
    else:
        assert changed == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe{\x00}\x00",
        b'\xef\xbb\xbf{"max_tokens":999}',
        b'{"max_tokens":NaN}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"max_tokens":1e400}',
        b'{"max_tokens":-1e400}',
        b'{"max_tokens":' + b"9" * 5000 + b"}",
        b'{"max_tokens":"\xff"}',
        b'{"\xff":1}',
        b'{"chat_template_kwargs":{"x":1e400}}',
        b'{"chat_template_kwargs":{"x":"\xff"}}',
    ],
    ids=[
        *("empty", "list", "string", "broken", "UTF-16", "BOM", "NaN", "deep", "infinite", "minus infinite"),
        *("huge", "text of wrong bytes", "key of wrong bytes", "infinite inside", "wrong bytes inside"),
    ],
)
def test_a_body_that_cannot_be_read_cannot_be_limited_and_is_refused(body) -> None:
    with pytest.raises(Refused) as refused:
        apply_defaults(body, CHAT, RequestDefaults({"a": 1}, default_output_tokens=50, max_output_tokens=100))
    assert refused.value.refusal.status == 400


def test_a_models_list_tells_no_path() -> None:
    models = b'{"object":"list","data":[{"id":"tiny","root":"/srv/tiny","parent":null},{"id":"other"}]}'
    assert json.loads(hide_local_paths(models)) == {
        "object": "list",
        "data": [{"id": "tiny", "root": "tiny", "parent": None}, {"id": "other"}],
    }


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"data":1}', b"<html>", b'{"data":["\xff"]}', b"[" * 100_000 + b"]" * 100_000]
)
def test_what_is_no_models_list_is_told_apart(body) -> None:
    with pytest.raises(ValueError):
        hide_local_paths(body)
