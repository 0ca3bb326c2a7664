"""The cap on real sockets: refused at once and unread, admitted when a slot is free, in the order of arrival."""

from __future__ import annotations

import asyncio
import json

import pytest

from frontdoor.admission.admission import Limits

HEAD_OF_20_MB = b"POST /v1/chat/completions HTTP/1.1\r\nHost: door\r\nContent-Length: 20000000\r\n\r\n"


async def open_stream(door, engine):
    client = await door.client()
    await client.chat()
    asked = await engine.request()
    await asked.start_stream()
    answer = await client.answer()
    return client, asked, answer


async def test_the_third_is_refused_before_its_body_is_sent_and_admitted_when_one_ends(door, engine) -> None:
    _, first, answer = await open_stream(door, engine)
    await open_stream(door, engine)

    third = await door.client()
    await third.send(HEAD_OF_20_MB)  # and not one byte of its body
    refused = await third.answer()
    error = (await refused.json())["error"]
    assert refused.status == 503
    assert error["code"] == "server_is_overloaded"
    assert error["type"] == "service_unavailable_error"
    assert error["param"] is None
    assert (error["active_generations"], error["max_active_generations"]) == (2, 2)
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert refused.headers["retry-after-ms"] == "1000"
    assert refused.headers["connection"] == "close"
    assert refused.headers["x-request-id"]
    assert len(engine.seen) == 2

    await first.end_stream()
    await answer.read_some(b"0\r\n\r\n")
    await door.until(lambda: door.active == 1)
    _, fourth, _ = await open_stream(door, engine)
    assert fourth.line.startswith("POST /v1/chat/completions")


async def test_a_refused_client_that_sends_on_still_gets_its_answer(door, engine) -> None:
    for _ in range(2):
        await open_stream(door, engine)
    client = await door.client()
    await client.send(HEAD_OF_20_MB)
    sending = asyncio.create_task(client.send(b"A" * 20_000_000))
    assert (await client.answer()).status == 503
    await sending


async def test_a_refused_client_that_asked_first_is_never_told_to_continue(door, engine) -> None:
    for _ in range(2):
        await open_stream(door, engine)
    client = await door.client()
    await client.send(
        b"POST /v1/completions HTTP/1.1\r\nHost: door\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    refused = await client.answer()
    assert refused.status == 503
    assert refused.headers["connection"] == "close"  # nobody can tell whether its body will come


async def test_a_refused_request_whose_body_is_there_keeps_its_connection(door, engine) -> None:
    for _ in range(2):
        await open_stream(door, engine)
    client = await door.client()
    for _ in range(3):
        await client.chat()
        refused = await client.answer()
        assert refused.status == 503
        assert "connection" not in refused.headers
        await refused.body()


async def test_a_refused_request_whose_small_body_is_on_its_way_keeps_its_connection(door, engine) -> None:
    for _ in range(2):
        await open_stream(door, engine)
    client = await door.client()
    for _ in range(2):
        await client.send(b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\n")
        refused = await client.answer()
        assert refused.status == 503
        assert "connection" not in refused.headers
        await refused.body()
        await client.send(b"GET /version HTTP/1.1\r\nHost: evil\r\n\r\n")  # these 37 bytes are the body, not a request
    assert (await client.get("/health")).status == 200
    assert len(engine.seen) == 2


async def test_what_is_no_generation_passes_a_full_house(door, engine) -> None:
    for _ in range(2):
        await open_stream(door, engine)
    client = await door.client()
    await client.post("/v1/embeddings", {"input": "x"})
    await (await engine.request()).reply(200, b"{}")
    assert (await client.answer()).status == 200


async def test_the_cap_changes_while_streams_run(door, engine) -> None:
    streams = [await open_stream(door, engine) for _ in range(2)]
    door.frontdoor.gate.set_limits(Limits(1))
    for _, asked, answer in streams:  # nobody is cut off
        client = await door.client()
        await client.chat()
        assert (await client.answer()).status == 503
        await asked.end_stream()
        await answer.read_some(b"0\r\n\r\n")
    await door.until(lambda: door.active == 0)
    door.frontdoor.gate.set_limits(Limits(3))
    for _ in range(3):
        await open_stream(door, engine)
    assert door.active == 3


@pytest.fixture
async def door_with_a_line(engine, open_door):
    door = await open_door(backend_url=engine.url, max_active_generations="1", queue_timeout_s="30", max_queued="2")
    await door.until_open()
    return door


async def waiting_client(door, number: int, more: str = ""):
    client = await door.client()
    await client.post("/v1/completions", {"number": number}, more)
    await door.until(lambda: door.frontdoor.gate.admission.waiting >= 1)
    return client


async def test_the_line_is_served_in_order_and_is_bounded(door_with_a_line, engine) -> None:
    door = door_with_a_line
    _, running, answer = await open_stream(door, engine)
    second = await waiting_client(door, 2)
    third = await waiting_client(door, 3)
    await door.until(lambda: door.frontdoor.gate.admission.waiting == 2)
    fourth = await door.client()
    await fourth.chat()
    assert (await fourth.answer()).status == 503

    await running.end_stream()
    await answer.read_some(b"0\r\n\r\n")
    for number, client in ((2, second), (3, third)):
        asked = await engine.request()
        assert json.loads(asked.body) == {"number": number}
        assert door.active == 1
        await asked.reply(200, b"{}")
        assert (await client.answer()).status == 200


async def test_a_client_that_leaves_the_line_loses_its_place(door_with_a_line, engine) -> None:
    door = door_with_a_line
    _, running, _ = await open_stream(door, engine)
    leaving = await waiting_client(door, 2)
    staying = await waiting_client(door, 3)
    await door.until(lambda: door.frontdoor.gate.admission.waiting == 2)
    leaving.leave()
    await door.until(lambda: door.frontdoor.gate.admission.waiting == 1)
    assert door.events("request")[-1]["phase"] == "queued"
    await running.end_stream()
    asked = await engine.request()
    assert json.loads(asked.body) == {"number": 3}
    await asked.reply(200, b"{}")
    assert (await staying.answer()).status == 200


async def test_a_client_with_a_large_body_that_leaves_the_line_is_noticed(door_with_a_line, engine) -> None:
    door = door_with_a_line
    await open_stream(door, engine)
    leaving = await door.client()
    await leaving.send(HEAD_OF_20_MB + b"A" * 10_000_000)
    await door.until(lambda: door.frontdoor.gate.admission.waiting == 1)
    leaving.leave()
    await door.until(lambda: door.frontdoor.gate.admission.waiting == 0)


async def test_waiting_ends_after_the_queue_timeout(engine, open_door) -> None:
    door = await open_door(backend_url=engine.url, max_active_generations="1", queue_timeout_s="0.2")
    await door.until_open()
    await open_stream(door, engine)
    client = await door.client()
    await client.chat()
    refused = await client.answer()
    assert (refused.status, (await refused.json())["error"]["code"]) == (503, "server_is_overloaded")
    assert door.events("request")[-1]["reason"] == "queue_timeout"
    assert door.frontdoor.gate.admission.waiting == 0


async def test_a_client_in_line_that_asks_first_is_told_to_continue_at_its_turn(door_with_a_line, engine) -> None:
    door = door_with_a_line
    _, running, _ = await open_stream(door, engine)
    client = await door.client()
    await client.send(
        b"POST /v1/completions HTTP/1.1\r\nHost: door\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    await door.until(lambda: door.frontdoor.gate.admission.waiting == 1)
    await running.end_stream()
    assert (await client.answer()).status == 100
    await client.send(b"{}")
    await (await engine.request()).reply(200, b"{}")
    assert (await client.answer()).status == 200
