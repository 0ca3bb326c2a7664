"""Requests pass from client to engine and back: what arrives, when, and in which bytes."""

from __future__ import annotations

import asyncio
import json


async def test_each_event_reaches_the_client_before_the_engine_sends_the_next(door, engine) -> None:
    client = await door.client()
    await client.chat()
    asked = await engine.request()
    await asked.start_stream()
    answer = await client.answer()
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    for word in ("one", "two", "three"):
        sent = b'data: {"w":"%s"}\n\n' % word.encode()
        await asked.send_event(sent)
        assert sent in await answer.read_some(sent + b"\r\n")
    await asked.end_stream()
    assert await answer.read_some(b"0\r\n\r\n")


async def test_the_slot_is_free_after_a_stream_and_the_connection_lives_on(door, engine) -> None:
    client = await door.client()
    for _ in range(3):
        await client.chat()
        asked = await engine.request()
        assert door.active == 1
        await asked.start_stream()
        await asked.end_stream()
        answer = await client.answer()
        await answer.read_some(b"0\r\n\r\n")
        await door.until(lambda: door.active == 0)


async def test_a_body_passes_byte_for_byte_and_is_answered_whole(door, engine) -> None:
    client = await door.client()
    body = b'{"model" :"tiny",  "n":1.0e0, "unknown":[ ],"text":"\xc3\xa4\\u00e4"}'
    await client.post("/v1/completions?api-version=1", body, "Authorization: Bearer k\r\n")
    asked = await engine.request()
    assert asked.line == "POST /v1/completions?api-version=1 HTTP/1.1"
    assert asked.body == body
    assert asked.headers["authorization"] == "Bearer k"
    reply = b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}'
    await asked.reply(200, reply)
    answer = await client.answer()
    assert (answer.status, await answer.body()) == (200, reply)
    await door.until(lambda: door.active == 0)
    [told] = door.events("request")
    assert (told["input_tokens"], told["output_tokens"], told["outcome"]) == (3, 5, "ok")


async def test_an_error_of_the_engine_passes_unchanged(door, engine) -> None:
    client = await door.client()
    await client.chat()
    asked = await engine.request()
    reply = b'{"error":{"message":"maximum context length is 2048 tokens","type":"BadRequestError","code":400}}'
    await asked.reply(400, reply)
    answer = await client.answer()
    assert (answer.status, await answer.body()) == (400, reply)
    [told] = door.events("request")
    assert told["outcome"] == "rejected"


async def test_hop_by_hop_headers_end_here_in_both_directions(door, engine) -> None:
    client = await door.client()
    await client.post(
        "/v1/completions",
        {},
        "Connection: keep-alive, X-Private\r\nX-Private: 1\r\nTE: trailers\r\nX-Kept: yes\r\n"
        "X-Forwarded-For: 6.6.6.6\r\nAccept-Encoding: gzip\r\n",
    )
    asked = await engine.request()
    assert "x-private" not in asked.headers
    assert "te" not in asked.headers
    assert asked.headers["x-kept"] == "yes"
    assert asked.headers["x-forwarded-for"] == "127.0.0.1"
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.headers["host"] == engine.url.removeprefix("http://")
    await asked.reply(200, b"{}", more=b"Connection: X-Inner\r\nX-Inner: 1\r\nX-Outer: 2\r\nServer: uvicorn\r\n")
    answer = await client.answer()
    assert "x-inner" not in answer.headers
    assert answer.headers["x-outer"] == "2"
    assert answer.headers["server"] == "b70-frontdoor"


async def test_the_request_id_of_the_client_is_forwarded_and_returned(door, engine) -> None:
    client = await door.client()
    await client.chat(stream=False, more="X-Request-Id: abc-123\r\n")
    asked = await engine.request()
    assert asked.headers["x-request-id"] == "abc-123"
    await asked.reply(200, b"{}")
    assert (await client.answer()).headers["x-request-id"] == "abc-123"


async def test_a_strange_request_id_is_replaced(door, engine) -> None:
    client = await door.client()
    await client.chat(stream=False, more="X-Request-Id: a b;c\r\n")
    asked = await engine.request()
    await asked.reply(200, b"{}")
    given = (await client.answer()).headers["x-request-id"]
    assert given == asked.headers["x-request-id"]
    assert " " not in given


async def test_the_models_list_names_no_local_path(door, engine) -> None:
    client = await door.client()
    await client.send(b"GET /v1/models HTTP/1.1\r\nHost: door\r\n\r\n")
    asked = await engine.request()
    await asked.reply(200, b'{"object":"list","data":[{"id":"tiny","root":"/srv/models/tiny","max_model_len":2048}]}')
    answer = await client.answer()
    told = {"root": "tiny", "max_model_len": 2048}
    assert (await answer.json())["data"] == [{"id": "tiny"} | told, {"id": "active"} | told]


async def test_a_chunked_request_body_arrives_whole(door, engine) -> None:
    client = await door.client()
    await client.send(
        b"POST /v1/completions HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'5\r\n{"a":\r\n3\r\n 1}\r\n0\r\n\r\n'
    )
    asked = await engine.request()
    assert asked.body == b'{"a": 1}'
    assert asked.headers["content-length"] == "8"
    assert "transfer-encoding" not in asked.headers
    await asked.reply(200, b"{}")
    assert (await client.answer()).status == 200


async def test_continue_is_said_only_after_admission(door, engine) -> None:
    client = await door.client()
    await client.send(
        b"POST /v1/completions HTTP/1.1\r\nHost: door\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    assert (await client.answer()).status == 100
    assert door.active == 1
    await client.send(b"{}")
    asked = await engine.request()
    assert "expect" not in asked.headers
    await asked.reply(200, b"{}")
    assert (await client.answer()).status == 200


async def test_a_20_mb_body_passes(door, engine) -> None:
    client = await door.client()
    body = json.dumps({"image": "A" * 20_000_000}).encode()
    sending = asyncio.create_task(client.post("/v1/chat/completions", body))
    asked = await engine.request()
    await sending
    assert asked.body == body
    await asked.reply(200, b"{}")
    assert (await client.answer()).status == 200


async def test_what_the_profile_sets_is_applied_and_said(open_door, engine) -> None:
    door = await open_door(
        backend_url=engine.url,
        max_output_tokens="100",
        default_max_output_tokens="50",
        chat_template_kwargs_json='{"enable_thinking":false}',
    )
    await door.until_open()
    client = await door.client()
    await client.post("/v1/chat/completions", b'{"max_tokens":5000,"messages" : [ 1.50 ]}')
    asked = await engine.request()
    assert json.loads(asked.body)["max_tokens"] == 100
    assert b"[ 1.50 ]" in asked.body
    await asked.reply(200, b"{}")
    answer = await client.answer()
    assert answer.headers["x-frontdoor-applied"] == "max_tokens=100, chat_template_kwargs.enable_thinking=false"


async def test_without_configured_defaults_no_header_says_so(door, engine) -> None:
    client = await door.client()
    await client.chat(stream=False)
    await (await engine.request()).reply(200, b"{}")
    assert "x-frontdoor-applied" not in (await client.answer()).headers


async def test_a_client_that_offers_http2_is_served_in_http1(door, engine) -> None:
    # Java's HttpClient offers an upgrade with every request
    client = await door.client()
    for _ in range(2):
        await client.post("/v1/completions", {}, "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n")
        asked = await engine.request()
        assert asked.body == b"{}"
        assert "upgrade" not in asked.headers
        await asked.reply(200, b"{}")
        answer = await client.answer()
        assert (answer.status, await answer.body()) == (200, b"{}")


async def test_an_http_1_0_client_gets_its_stream_until_the_connection_ends(door, engine) -> None:
    client = await door.client()
    await client.send(b"POST /v1/completions HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
    asked = await engine.request()
    await asked.start_stream()
    await asked.end_stream()
    answer = await client.answer()
    assert "transfer-encoding" not in answer.headers
    assert await answer.rest() == b"data: [DONE]\n\n"


async def test_the_next_request_goes_over_the_same_connection_to_the_engine(door, engine) -> None:
    client = await door.client()
    peers = set()
    for stream in (False, True, False):
        await client.chat(stream=stream)
        asked = await engine.request()
        peers.add(asked.writer.get_extra_info("peername"))
        if stream:
            await asked.start_stream()
            await asked.end_stream()
            await (await client.answer()).read_some(b"0\r\n\r\n")
        else:
            await asked.reply(200, b"{}")
            await (await client.answer()).body()
    assert len(peers) == 1
