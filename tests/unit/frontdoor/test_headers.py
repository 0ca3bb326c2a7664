"""Which headers go on, in each direction."""

from __future__ import annotations

import pytest

from frontdoor.http import headers
from frontdoor.http.head import Fields, Head


@pytest.mark.parametrize("given", [b"a", b"abc-123_x.y:z", b"x" * 128])
def test_a_sane_request_id_is_kept(given: bytes) -> None:
    assert headers.request_id(given) == given.decode()


@pytest.mark.parametrize("given", [None, b"", b"a b", b"a\nb", "ä".encode(), b"../x/", b"x" * 129, b"<script>"])
def test_any_other_is_replaced(given: bytes | None) -> None:
    made = headers.request_id(given)
    assert len(made) == 16
    assert made != headers.request_id(given)


GIVEN: Fields = [
    (b"host", b"door:8000"),
    (b"content-type", b"application/json"),
    (b"authorization", b"Bearer k"),
    (b"x-api-key", b"k"),
    (b"x-two", b"1"),
    (b"x-two", b"2"),
    (b"x-mine", b"secret"),
    (b"connection", b"close, X-Mine"),
    (b"keep-alive", b"timeout=5"),
    (b"te", b"trailers"),
    (b"transfer-encoding", b"chunked"),
    (b"upgrade", b"h2c"),
    (b"http2-settings", b"x"),
    (b"expect", b"100-continue"),
    (b"content-length", b"7"),
    (b"accept-encoding", b"gzip"),
    (b"x-request-id", b"theirs"),
    (b"x-forwarded-for", b"1.2.3.4"),
    (b"x-real-ip", b"1.2.3.4"),
    (b"forwarded", b"for=1.2.3.4"),
]


def to_engine(fields: Fields = GIVEN, *, method: str = "POST", length: int = 2, keep_key: bool = True) -> list[bytes]:
    head = Head(method=method, fields=fields)
    told = headers.to_engine(
        head,
        method=method,
        target="/v1/completions?x=1",
        request_id="r1",
        client="10.0.0.7",
        scheme=b"http",
        length=length,
        keep_key=keep_key,
    )
    assert told.endswith(b"\r\n")
    return told.removesuffix(b"\r\n").split(b"\r\n")


def test_what_the_engine_gets() -> None:
    assert to_engine() == [
        b"POST /v1/completions?x=1 HTTP/1.1",
        b"content-type: application/json",
        b"authorization: Bearer k",
        b"x-api-key: k",
        b"x-two: 1",
        b"x-two: 2",
        b"accept-encoding: identity",
        b"content-length: 2",
        b"x-request-id: r1",
        b"x-forwarded-for: 10.0.0.7",
        b"x-forwarded-host: door:8000",
        b"x-forwarded-proto: http",
    ]


def test_a_key_that_was_for_us_goes_no_further() -> None:
    told = to_engine(keep_key=False)
    assert not [line for line in told if line.startswith((b"authorization", b"x-api-key"))]


@pytest.mark.parametrize(
    ("method", "length", "expected"),
    [("GET", 0, False), ("POST", 0, True), ("POST", 1, True)],
)
def test_a_length_is_told_where_a_body_may_be(method: str, length: int, expected: bool) -> None:
    told = to_engine(method=method, length=length)
    assert (b"content-length: %d" % length in told) is expected


def test_what_the_client_gets() -> None:
    given: Fields = [
        (b"content-type", b"application/json"),
        (b"content-length", b"3"),
        (b"server", b"uvicorn"),
        (b"date", b"yesterday"),
        (b"access-control-allow-origin", b"*"),
        (b"x-request-id", b"the engine's"),
        (b"connection", b"x-inner"),
        (b"x-inner", b"1"),
        (b"x-outer", b"1"),
        (b"x-outer", b"2"),
    ]
    assert headers.to_client(given) == b"content-type: application/json\r\nx-outer: 1\r\nx-outer: 2\r\n"


@pytest.mark.parametrize("named", [b"close", b"keep-alive", b"Keep-Alive , close", b"", b","])
def test_an_ordinary_connection_header_takes_nothing_else_away(named: bytes) -> None:
    assert headers.to_client([(b"connection", named), (b"x-kept", b"1")]) == b"x-kept: 1\r\n"


def test_cors_lines_are_there_only_when_configured() -> None:
    assert headers.cors(None) == b""
    assert b"access-control-allow-origin: http://ui\r\n" in headers.cors("http://ui")


def test_a_browser_may_send_what_the_sdks_send_and_read_the_request_id() -> None:
    lines = dict(line.split(": ") for line in headers.cors("*", "X-Mine").decode().splitlines())
    allowed = {name.lower() for name in lines["access-control-allow-headers"].split(", ")}
    assert {"authorization", "x-api-key", "anthropic-version", "anthropic-beta", "x-mine"} <= allowed
    assert {"x-stainless-retry-count", "x-stainless-helper-method", "x-stainless-read-timeout"} <= allowed
    assert "x-session-id" not in allowed
    assert "request-id" in lines["access-control-expose-headers"].split(", ")


@pytest.mark.parametrize("name", [b"transfer_encoding", b"x_forwarded_for", b"content_length", b"_", b"x-mine_"])
def test_a_name_that_others_read_as_another_ends_here(name: bytes) -> None:
    fields: Fields = [(name, b"1"), (b"x-two", b"1_2")]
    assert not [line for line in to_engine(fields) if line.startswith(name)]
    assert headers.to_client(fields) == b"x-two: 1_2\r\n"
