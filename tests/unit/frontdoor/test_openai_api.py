"""Error bodies in two dialects, and the list of models."""

from __future__ import annotations

import json

import pytest

from frontdoor.answers.openai_api import error_body, error_event, error_type, hide_local_paths
from frontdoor.refusal import Reason, Refusal, bad_request, internal_error, too_large
from frontdoor.routes import Dialect

BUSY = Refusal(status=503, reason=Reason.AT_CAPACITY, code="server_is_overloaded", message="busy", details={"n": 1})


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
        (BUSY, "service_unavailable_error", "overloaded_error"),
    ],
)
def test_an_error_has_the_type_of_its_status(refusal, openai, anthropic) -> None:
    assert json.loads(error_body(refusal, Dialect.OPENAI))["error"]["type"] == openai
    assert json.loads(error_body(refusal, Dialect.RESPONSES))["error"]["type"] == openai
    assert json.loads(error_body(refusal, Dialect.ANTHROPIC))["error"]["type"] == anthropic


@pytest.mark.parametrize(
    ("status", "openai", "anthropic"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "authentication_error", "authentication_error"),
        (403, "permission_error", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (408, "invalid_request_error", "invalid_request_error"),
        (413, "invalid_request_error", "request_too_large"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (502, "upstream_error", "api_error"),
        (503, "service_unavailable_error", "overloaded_error"),
        (504, "upstream_error", "timeout_error"),
        (529, "overloaded_error", "overloaded_error"),
    ],
)
def test_the_words_of_each_api(status, openai, anthropic) -> None:
    assert error_type(Dialect.OPENAI, status) == openai
    assert error_type(Dialect.RESPONSES, status) == openai
    assert error_type(Dialect.ANTHROPIC, status) == anthropic


def test_an_error_names_the_field_that_is_to_blame() -> None:
    refusal = bad_request("n must be 1 or more", param="n")
    assert json.loads(error_body(refusal, Dialect.OPENAI))["error"]["param"] == "n"
    assert json.loads(error_body(refusal, Dialect.ANTHROPIC))["error"]["param"] == "n"


def test_an_error_event_is_one_whole_event() -> None:
    event = error_event(bad_request("two\nlines"), Dialect.OPENAI)
    assert event.startswith(b'data: {"error":{')
    assert event.endswith(b"}}\n\n")
    assert event.count(b"\n") == 2
    assert error_event(BUSY, Dialect.ANTHROPIC).startswith(b'event: error\ndata: {"type":"error",')


def test_a_models_list_tells_no_path() -> None:
    models = b'{"object":"list","data":[{"id":"tiny","root":"/srv/tiny","parent":null},{"id":"other"}]}'
    assert json.loads(hide_local_paths(models)) == {
        "object": "list",
        "data": [{"id": "tiny", "root": "tiny", "parent": None}, {"id": "other"}],
    }


@pytest.mark.parametrize(
    ("models", "listed"),
    [
        ([{"id": "tiny"}], ["tiny", "active"]),
        ([{"id": "tiny"}, {"id": "adapter"}], ["tiny", "adapter", "active"]),
        ([{"id": "active"}], ["active"]),
        ([], []),
    ],
)
def test_the_alias_is_listed_once_and_only_with_a_model(models, listed) -> None:
    answer = json.loads(hide_local_paths(json.dumps({"object": "list", "data": models}).encode(), "active"))
    assert [model["id"] for model in answer["data"]] == listed


def test_the_alias_is_the_same_model_under_another_name() -> None:
    models = b'{"object":"list","data":[{"id":"tiny","root":"/srv/tiny","max_model_len":2048}]}'
    assert json.loads(hide_local_paths(models, "active"))["data"] == [
        {"id": "tiny", "root": "tiny", "max_model_len": 2048},
        {"id": "active", "root": "tiny", "max_model_len": 2048},
    ]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"data":1}', b"<html>", b'{"data":["\xff"]}', b"[" * 100_000 + b"]" * 100_000]
)
def test_what_is_no_models_list_is_told_apart(body) -> None:
    with pytest.raises(ValueError):
        hide_local_paths(body)
