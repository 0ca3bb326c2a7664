"""Which headers pass in each direction."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from frontdoor import headers


@pytest.mark.parametrize("given", ["a", "abc-123_x.y:z", "0" * 128])
def test_a_sane_request_id_is_kept(given) -> None:
    assert headers.request_id(given) == given


@pytest.mark.parametrize("given", [None, "", "a b", "a\nb", "ä", "../x/", "0" * 129, "<script>"])
def test_any_other_is_replaced(given) -> None:
    made = headers.request_id(given)
    assert made != given
    assert len(made) == 16


def test_what_the_engine_gets() -> None:
    given = CIMultiDict(
        [
            ("Host", "door:8000"),
            ("Content-Length", "5"),
            ("Content-Type", "application/json"),
            ("Connection", "close, X-Mine"),
            ("Connection", "x-other"),
            ("X-Mine", "1"),
            ("X-Other", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "h2c"),
            ("TE", "trailers"),
            ("Proxy-Authorization", "x"),
            ("Expect", "100-continue"),
            ("Accept-Encoding", "gzip, br"),
            ("Authorization", "Bearer k"),
            ("X-Twice", "1"),
            ("X-Twice", "2"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-request-id", "evil"),
        ]
    )
    passed = headers.to_engine(given, request_id="r1", client="10.0.0.7", host="door:8000")
    assert list(passed.items()) == [
        ("Content-Type", "application/json"),
        ("Authorization", "Bearer k"),
        ("X-Twice", "1"),
        ("X-Twice", "2"),
        ("X-Forwarded-For", "10.0.0.7"),
        ("X-Request-Id", "r1"),
        ("Accept-Encoding", "identity"),
        ("X-Forwarded-Host", "door:8000"),
        ("X-Forwarded-Proto", "http"),
    ]


def test_what_the_client_gets() -> None:
    given = CIMultiDict(
        [
            ("Date", "x"),
            ("Server", "uvicorn"),
            ("Content-Length", "5"),
            ("Content-Type", "application/json"),
            ("Connection", "X-Inner"),
            ("X-Inner", "1"),
            ("Access-Control-Allow-Origin", "*"),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
        ]
    )
    passed = headers.to_client(given)
    assert list(passed.items()) == [("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]


def test_cors_headers_are_there_only_when_configured() -> None:
    assert headers.ours("r1", None) == {"X-Request-Id": "r1", "Server": "b70-frontdoor"}
    assert headers.ours("r1", "*")["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("value", "expected"), [("plain", None), ("\u00e4", None), ("\udcff", "X-Odd"), ("a\udc80b", "X-Odd")]
)
def test_a_value_that_is_not_utf8_is_found(value, expected) -> None:
    assert headers.first_unwritable(CIMultiDict([("X-Fine", "1"), ("X-Odd", value)])) == expected
