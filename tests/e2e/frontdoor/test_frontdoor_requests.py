"""Requests that are not to be relayed: answered here, in the API's shape, and the engine sees nothing of them."""

from __future__ import annotations

import pytest

from frontdoor.admission.admission import Limits
from frontdoor.routes import REFUSED, ROUTES


@pytest.mark.parametrize("path", sorted(REFUSED))
async def test_an_engine_route_that_is_not_served_reaches_no_engine(door, engine, path) -> None:
    for method in ("GET", "POST", "DELETE"):
        client = await door.client()
        answer = await client.get(path, method)
        error = (await answer.json())["error"]
        assert (answer.status, error["code"], error["type"]) == (404, "route_not_found", "invalid_request_error")
    assert engine.seen == []


@pytest.mark.parametrize(
    "target",
    [
        "/v1/chat%2fcompletions",
        "/v1//chat/completions",
        "//v1/chat/completions",
        "/v1/x/../chat/completions",
        "/v1/chat/completions/",
        "/v1/chat/completions;x=1",
        "/V1/chat/completions",
        "/v1/chat/completions%00",
        "/v1/./models",
        "/%76ersion",
        "*",
        "version",
    ],
)
async def test_a_path_that_only_resembles_one_of_the_table_reaches_no_engine(door, engine, target) -> None:
    client = await door.client()
    answer = await client.get(target, "POST")
    assert answer.status in (400, 404)
    client = await door.client()
    answer = await client.get(target, "GET")
    assert answer.status in (400, 404)
    assert engine.seen == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_a_wrong_method_is_405_and_names_the_right_one(door, engine, route) -> None:
    client = await door.client()
    answer = await client.get(route.path, "DELETE")
    assert (answer.status, (await answer.json())["error"]["code"]) == (405, "method_not_allowed")
    assert route.method in answer.headers["allow"]
    assert engine.seen == []


POST = b"POST /v1/completions HTTP/1.1\r\nHost: a\r\n"

NOT_RELAYED = {
    "no such version": (b"GET / HTTP/9.9\r\n\r\n", 400),
    "no request line": (b"BROKEN\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n", 400),
    "a length and chunks": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "a chunk without a size": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "a header too long": (POST + b"X: " + b"y" * 40_000 + b"\r\n\r\n", 431),
    "a query in no encoding": (b"POST /v1/completions?q=\xff HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a version older than headers": (b"GET /v1/models\r\n\r\n", 400),
    "a version that is not spoken": (b"GET /v1/models HTTP/2.0\r\nHost: a\r\n\r\n", 400),
    "a coding under the chunks": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400),
    "a second encoding": (
        POST + b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        415,
    ),
    "a compressed body": (POST + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", 415),
    "a body too large": (POST + b"Content-Length: 100000000\r\n\r\n", 413),
}


@pytest.mark.parametrize(("request_bytes", "status"), NOT_RELAYED.values(), ids=NOT_RELAYED)
async def test_a_request_that_cannot_be_relayed_is_refused_in_the_api_shape(
    door, engine, request_bytes, status
) -> None:
    client = await door.client()
    await client.send(request_bytes)
    answer = await client.answer()
    assert answer.status == status
    assert (await answer.json())["error"]["type"] == "invalid_request_error"
    assert answer.headers["x-request-id"]
    assert engine.seen == []
    await door.until(lambda: door.active == 0)


async def test_a_chunked_body_over_the_limit_is_413(open_door, engine) -> None:
    door = await open_door(backend_url=engine.url, max_body_bytes="10")
    await door.until_open()
    client = await door.client()
    await client.send(
        b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n"
    )
    assert (await client.answer()).status == 413
    client = await door.client()
    await client.post("/v1/completions", b'{"a":"12"}')
    await (await engine.request()).reply(200, b"{}")
    assert (await client.answer()).status == 200


async def test_a_base_url_without_v1_is_helped(door) -> None:
    client = await door.client()
    await client.post("/chat/completions", {})
    answer = await client.answer()
    assert "should end in /v1" in (await answer.json())["error"]["message"]


async def test_errors_of_the_messages_api_have_anthropic_shape(door) -> None:
    door.frontdoor.gate.set_limits(Limits(1))
    first = await door.client()
    await first.send(b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
    await door.until(lambda: door.active == 1)
    client = await door.client()
    await client.chat(path="/v1/messages")
    answer = await client.answer()
    body = await answer.json()
    assert (answer.status, body["type"], body["error"]["type"]) == (503, "error", "overloaded_error")


async def test_own_answers_need_no_engine(open_door) -> None:
    door = await open_door(backend_url="http://127.0.0.1:1")
    client = await door.client()
    health = await client.get("/health")
    assert (health.status, (await health.json())["error"]["code"]) == (503, "backend_unavailable")
    for path in ("/status", "/frontdoor/status"):
        answer = await client.get(path)
        status = await answer.json()
        assert (answer.status, status["ok"]) == (200, False)
    metrics = await client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"frontdoor_generation_cap 8.0" in await metrics.body()


async def test_head_is_answered_without_a_body(door) -> None:
    client = await door.client()
    for _ in range(2):  # a body would be read as the second answer
        answer = await client.get("/health", "HEAD")
        assert (answer.status, answer.headers["content-length"]) == (200, "11")


async def test_without_cors_no_page_of_another_origin_may_read_us(door) -> None:
    client = await door.client()
    answer = await client.get("/v1/chat/completions", "OPTIONS", "Origin: http://evil\r\n")
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_with_cors_configured_that_origin_may(open_door, engine) -> None:
    door = await open_door(backend_url=engine.url, cors_allow_origin="http://ui.local")
    await door.until_open()
    client = await door.client()
    answer = await client.get("/v1/chat/completions", "OPTIONS", "Origin: http://ui.local\r\n")
    assert answer.headers["access-control-allow-origin"] == "http://ui.local"
    await client.chat()
    asked = await engine.request()
    await asked.reply(200, b"{}", more=b"Access-Control-Allow-Origin: *\r\n")
    answer = await client.answer()
    assert answer.headers["access-control-allow-origin"] == "http://ui.local"


async def test_a_header_in_utf8_passes_as_it_came(door, engine) -> None:
    client = await door.client()
    await client.send(b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nX-Name: \xc3\xa4\r\nContent-Length: 2\r\n\r\n{}")
    assert b"x-name: \xc3\xa4\r\n" in (await engine.request()).head
