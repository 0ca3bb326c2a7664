"""What a review of this frontdoor broke, byte for byte: each once cost memory, a place, or everybody's time."""

from __future__ import annotations

import asyncio
import contextlib
import json

PATIENCE_S = 10.0

UPGRADE = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h\r\n\r\n"
CHAT = b'{"model":"tiny","messages":[]}'
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: door\r\nContent-Type: application/json\r\n"


async def test_a_thousand_offers_of_another_protocol_in_one_read_are_a_thousand_answers(door) -> None:
    client = await door.client()
    await client.send(UPGRADE * 1500)
    for _ in range(1500):
        answer = await client.answer()
        assert answer.status == 200
        await answer.body()


async def test_a_body_in_chunks_of_two_bytes_is_refused_early(door, engine) -> None:
    client = await door.client()
    await client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"2\r\n  \r\n" * 20_000)
    assert (await client.answer()).status == 400
    await door.until(lambda: door.active == 0)
    assert engine.seen == []


async def test_a_client_that_leaves_behind_garbage_is_noticed(door, engine) -> None:
    for tail in (b"garbage\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 60_000, UPGRADE * 40, POST * 2):
        client = await door.client()
        await client.chat(stream=False)
        asked = await engine.request()
        await client.send(tail)
        client.leave()
        await asked.client_gone.wait()
        await door.until(lambda: door.active == 0)


async def test_a_client_that_leaves_behind_a_body_that_is_held_back_is_noticed(door, engine) -> None:
    client = await door.client()
    await client.chat(stream=False)
    asked = await engine.request()
    await client.send(POST + b"Content-Length: 100000\r\n\r\n" + b" " * 100_000)
    client.leave()
    await asked.client_gone.wait()
    await door.until(lambda: door.active == 0)


async def test_a_large_body_and_a_chunked_one_behind_it_are_both_read(door, engine) -> None:
    client = await door.client()
    large = json.dumps({"model": "tiny", "messages": [], "user": "x" * 200_000}).encode()
    first = POST + b"Content-Length: %d\r\n\r\n" % len(large) + large
    second = POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(CHAT), CHAT)
    await client.send(first + second)
    for body in (large, CHAT):
        asked = await engine.request()
        assert asked.body == body
        await asked.reply(200, b"{}")
        assert (await client.answer()).status == 200
        await client.reader.readexactly(2)


async def test_a_stream_that_is_whole_ends_though_its_engine_does_not(door, engine) -> None:
    client = await door.client()
    await client.chat()
    asked = await engine.request()
    await asked.start_stream()
    await asked.send_event(b"data: [DONE]\n\n")
    answer = await client.answer()
    assert (await answer.read_some(b"0\r\n\r\n")).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    await asked.client_gone.wait()
    await door.until(lambda: door.active == 0)


async def test_line_ends_do_not_keep_a_connection_open(open_door, engine) -> None:
    door = await open_door(backend_url=engine.url, head_timeout_s="0.5")
    await door.until_open()
    client = await door.client()

    async def go_on() -> None:
        while True:
            client.writer.write(b"\r\n")
            await asyncio.sleep(0.05)  # its pace

    going_on = asyncio.create_task(go_on())
    try:
        with contextlib.suppress(ConnectionError):  # a line end that meets the closed socket is answered by a reset
            assert await asyncio.wait_for(client.reader.read(), PATIENCE_S) == b""
    finally:
        going_on.cancel()
        await asyncio.gather(going_on, return_exceptions=True)


async def test_only_an_admins_key_shows_who_else_is_asking(open_door, engine, tmp_path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("infer app infer-key-0123456789abcdef\nadmin me admin-key-0123456789abcdef\n")
    keys.chmod(0o600)
    door = await open_door(backend_url=engine.url, api_keys_file=str(keys))
    await door.until_open()
    client = await door.client()
    for key, shows in (("infer-key-0123456789abcdef", False), ("admin-key-0123456789abcdef", True)):
        answer = await client.get("/status", more=f"Authorization: Bearer {key}\r\n")
        assert answer.status == 200
        assert ({"queue", "clients", "requests"} <= (await answer.json()).keys()) is shows
    assert (await client.get("/status")).status == 401
