"""The route table: what is there, what is not, and what is near."""

from __future__ import annotations

import pytest

from frontdoor.refusal import Refusal
from frontdoor.routes import REFUSED, ROUTES, Kind, Route, allowed_methods, find, split_target


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/v1/chat/completions", Kind.GENERATION),
        ("POST", "/v1/completions", Kind.GENERATION),
        ("POST", "/v1/responses", Kind.GENERATION),
        ("POST", "/v1/messages", Kind.GENERATION),
        ("POST", "/v1/messages/count_tokens", Kind.READ_ONLY),
        ("POST", "/v1/embeddings", Kind.POOLING),
        ("POST", "/rerank", Kind.POOLING),
        ("GET", "/v1/models", Kind.READ_ONLY),
        ("HEAD", "/v1/models", Kind.READ_ONLY),
        ("GET", "/health", Kind.OWN),
        ("HEAD", "/status", Kind.OWN),
        ("GET", "/frontdoor/status", Kind.OWN),
        ("GET", "/metrics", Kind.OWN),
    ],
)
def test_what_is_in_the_table(method, path, kind) -> None:
    route = find(method, path)
    assert isinstance(route, Route)
    assert route.kind is kind


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", [*REFUSED, "", "/", "/v1", "/v1/models/", "/v1/models/tiny", "/v1/%6dodels"])
def test_what_is_not_in_the_table_is_404_for_every_method(method, path) -> None:
    refusal = find(method, path)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code) == (404, "route_not_found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/chat/completions", "POST, OPTIONS"),
        ("POST", "/v1/models", "GET, HEAD, OPTIONS"),
        ("HEAD", "/v1/completions", "POST, OPTIONS"),
        ("get", "/health", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_method_is_405_and_names_the_right_ones(method, path, allow) -> None:
    refusal = find(method, path)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.allow, refusal.headers()["Allow"]) == (405, allow, allow)


def test_only_paths_of_the_table_have_allowed_methods() -> None:
    assert allowed_methods("/nowhere") is None
    assert allowed_methods("/version") == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/chat/completions", "should end in /v1"),
        ("/v1/v1/models", "one /v1 too many"),
        ("/sleep", "it administers the engine"),
        ("/invocations", "outside the cap"),
    ],
)
def test_a_404_says_what_is_the_matter_where_it_can(path, hint) -> None:
    refusal = find("POST", path)
    assert isinstance(refusal, Refusal)
    assert hint in refusal.message


def test_a_404_does_not_repeat_more_than_a_line() -> None:
    refusal = find("X" * 500, "/" + "y" * 5000)
    assert isinstance(refusal, Refusal)
    assert len(refusal.message) < 300


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v1/models", ("/v1/models", "")),
        ("/v1/models?", ("/v1/models", "?")),
        ("/v1/models?a=1&b=/x", ("/v1/models", "?a=1&b=/x")),
        ("http://door:8000/v1/models?a=1", ("/v1/models", "?a=1")),
        ("http://door:8000", ("", "")),
        ("//v1/models", ("//v1/models", "")),
        ("*", ("*", "")),
        ("", ("", "")),
    ],
)
def test_a_target_is_split_and_nothing_else(target, expected) -> None:
    assert split_target(target) == expected


def test_no_path_of_the_table_has_a_form_that_an_engine_might_read_differently() -> None:
    for route in ROUTES:
        assert not set("%;\\?#") & set(route.path)
        assert "//" not in route.path
        assert ".." not in route.path


def test_no_route_is_both_served_and_refused() -> None:
    assert not {route.path for route in ROUTES} & set(REFUSED)
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_every_generation_route_knows_which_fields_limit_its_output() -> None:
    for route in ROUTES:
        assert bool(route.token_limits) == (route.kind is Kind.GENERATION)
