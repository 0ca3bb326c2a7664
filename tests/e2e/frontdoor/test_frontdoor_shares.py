"""What a request costs and what a client may have, on real sockets."""

from __future__ import annotations

import pytest


def session(name: str) -> str:
    return f"X-Session-Id: {name}\r\n"


async def ask(door, more: str = "", path: str = "/v1/completions", **fields: object):
    client = await door.client()
    await client.post(path, {"model": "tiny", "prompt": "x", **fields}, more)
    return client


async def run(door, engine, more: str = "", **fields: object):
    """One that the engine has begun with."""
    client = await ask(door, more, stream=True, **fields)
    asked = await engine.request()
    await asked.start_stream()
    return client, asked


async def end(client, asked) -> None:
    await client.answer()
    await asked.end_stream()
    await client.reader.readuntil(b"0\r\n\r\n")


async def refused(client):
    answer = await client.answer()
    return answer, (await answer.json())["error"]


@pytest.fixture
async def open_with(engine, open_door):
    async def start(**settings: str):
        door = await open_door(backend_url=engine.url, **settings)
        await door.until_open()
        return door

    return start


async def test_a_request_costs_as_many_places_as_it_asks_for_generations(open_with, engine) -> None:
    door = await open_with(max_active_generations="4")
    first = await run(door, engine, n=3)
    assert door.active == 3
    answer, error = await refused(await ask(door, n=2))
    assert (answer.status, error["code"]) == (503, "server_is_overloaded")
    assert "asks for 2 generations, and 3 of 4 generation slots are in use" in error["message"]
    await door.until(lambda: door.active == 3)
    await run(door, engine)
    await end(*first)
    await door.until(lambda: door.active == 1)


async def test_what_can_never_run_is_refused_for_good(open_with, engine) -> None:
    door = await open_with(max_active_generations="8")
    answer, error = await refused(await ask(door, path="/v1/chat/completions", messages=[], n=9))
    assert (answer.status, error["param"]) == (400, "n")
    assert error["message"] == "asks for 9 generations, this server runs at most 8"
    assert "retry-after" not in answer.headers
    assert engine.seen == []
    await door.until(lambda: door.active == 0)


async def test_a_heavy_request_keeps_its_turn(open_with, engine) -> None:
    door = await open_with(max_active_generations="2", queue_timeout_s="30")
    running = await run(door, engine)
    heavy = await ask(door, n=2)
    await door.until(lambda: door.frontdoor.gate.admission.waiting == 1)
    light = await ask(door)
    await door.until(lambda: door.frontdoor.gate.admission.waiting == 2)
    assert door.active == 1  # one place is free, and kept for the heavy one
    await end(*running)
    asked = await engine.request()
    assert b'"n": 2' in asked.body
    assert (door.active, door.frontdoor.gate.admission.waiting) == (2, 1)
    await asked.reply(200, b"{}")
    assert (await heavy.answer()).status == 200
    await (await engine.request()).reply(200, b"{}")
    assert (await light.answer()).status == 200


async def test_one_client_may_have_so_many_and_another_is_served(open_with, engine) -> None:
    door = await open_with(max_active_per_client="1")
    await run(door, engine, session("one"))
    answer, error = await refused(await ask(door, session("one")))
    assert (answer.status, error["type"], error["code"]) == (429, "rate_limit_error", "rate_limit_exceeded")
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert len(engine.seen) == 1
    await run(door, engine, session("another"))
    await door.until(lambda: door.events("request") != [])
    assert door.events("request")[0]["reason"] == "client_share"


async def test_a_place_is_kept_for_whom_it_was_refused(open_with, engine) -> None:
    door = await open_with(max_active_generations="2", fair_share="true")
    streams = [await run(door, engine, session("hog")) for _ in range(2)]
    answer, _ = await refused(await ask(door, session("new")))
    assert answer.status == 503
    await end(*streams[0])
    await door.until(lambda: door.active == 1)
    answer, error = await refused(await ask(door, session("hog")))
    assert (answer.status, error["code"]) == (429, "rate_limit_exceeded")
    await run(door, engine, session("new"))


async def test_in_line_the_turn_of_who_has_less_comes_first(open_with, engine) -> None:
    door = await open_with(max_active_generations="2", queue_timeout_s="30")
    streams = [await run(door, engine, session("hog")) for _ in range(2)]
    waiting = door.frontdoor.gate.admission
    await ask(door, session("hog"), user="hog")
    await door.until(lambda: waiting.waiting == 1)
    await ask(door, session("new"), user="new")
    await door.until(lambda: waiting.waiting == 2)
    await end(*streams[0])
    assert b'"user": "new"' in (await engine.request()).body


async def test_pooling_has_a_cap_of_its_own(open_with, engine) -> None:
    door = await open_with(max_active_pooling="1")
    await ask(door, path="/v1/embeddings", input=["x"] * 50)
    asked = await engine.request()
    answer, error = await refused(await ask(door, path="/v1/embeddings", input="x"))
    assert (answer.status, error["max_active_pooling_requests"]) == (503, 1)
    assert "the only pooling request slot is in use" in error["message"]
    await run(door, engine)
    await asked.reply(200, b"{}")
    await door.until(lambda: door.frontdoor.pooling.admission.active == 0)


async def test_both_caps_apply_where_tokens_are_counted(open_with, engine) -> None:
    door = await open_with(max_active_generations="3", token_admission="true", kv_cache_tokens="1000")
    await run(door, engine, max_tokens=600)
    answer, error = await refused(await ask(door, max_tokens=600))
    assert (answer.status, error["code"]) == (503, "server_is_overloaded")
    assert "tokens of the engine's KV cache" in error["message"]
    answer, error = await refused(await ask(door, max_tokens=2000))
    assert (answer.status, error["code"]) == (400, "context_length_exceeded")
    for _ in range(2):
        await run(door, engine, max_tokens=100)
    answer, error = await refused(await ask(door, max_tokens=1))
    assert "all 3 generation slots are in use" in error["message"]
