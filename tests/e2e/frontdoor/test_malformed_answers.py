"""Malformed and tricky answers of the engine: what the client gets, and that no other client gets any of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import pytest
from e2e.frontdoor.malformed_answers import ANSWERS, BODY, JSON, LENGTH, STRAY, answer

from frontdoor.relay.body_carrier import COLLECTED_BYTES

PATIENCE_S = 10.0
CHAT = b'{"model":"tiny","prompt":"x","stream":true}'


@dataclass(frozen=True)
class Got:
    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head.split()[1])


async def got(client) -> Got:
    """One answer, by its length; a second one would be read as the next client's."""
    head = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    length = next((line for line in head.splitlines() if line.startswith(b"content-length:")), b":0")
    return Got(head, await asyncio.wait_for(client.reader.readexactly(int(length.split(b":")[1])), PATIENCE_S))


async def ask(door, target: str = "/version", method: str = "GET"):
    client = await door.client()
    await client.send(f"{method} {target} HTTP/1.1\r\nHost: door\r\n\r\n".encode())
    return client


async def gets_its_own(door, engine, client=None) -> None:
    """The next request, on this connection or on another, has the answer that the engine gives to it."""
    if client is None:
        client = await ask(door)
    else:
        await client.send(b"GET /version HTTP/1.1\r\nHost: door\r\n\r\n")
    await (await engine.request()).reply(200, b'{"own":1}')
    assert (await got(client)).body == b'{"own":1}'


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_is_whole_or_an_error(door, engine, name) -> None:
    row = ANSWERS[name]
    client = await ask(door)
    asked = await engine.request()
    asked.writer.write(row.sent)
    if row.then_close:
        asked.hang_up()
    answered = await got(client)
    assert answered.status == row.status
    if row.body is None:
        error = json.loads(answered.body)["error"]
        assert error["code"] in ("upstream_protocol_error", "upstream_disconnected")
    else:
        assert answered.body == row.body
    assert answered.head.lower().count(b"\r\nx-request-id:") == 1
    assert answered.head.lower().count(b"\r\ncontent-length:") == (row.status not in (204, 304))
    assert row.gone not in (answered.head + answered.body).lower()
    assert row.kept in answered.head
    await gets_its_own(door, engine, client)
    await gets_its_own(door, engine)
    assert not [told for told in door.events("request") if told["outcome"] == "failed"]


async def test_what_comes_later_unasked_reaches_nobody(door, engine) -> None:
    client = await ask(door)
    asked = await engine.request()
    await asked.send(answer(LENGTH))
    assert (await got(client)).body == BODY
    await asked.send(STRAY)
    await gets_its_own(door, engine, client)
    await gets_its_own(door, engine)


async def test_an_answer_before_its_question_reaches_nobody(door, engine) -> None:
    """On every connection that the frontdoor opens, also on the one of the second request."""
    for _ in range(3):
        client = await ask(door)
        asked = await engine.request()
        await asked.send(answer(LENGTH))
        assert (await got(client)).body == BODY
        asked.writer.write(STRAY)
        await gets_its_own(door, engine)


async def test_head_of_an_answer_with_a_body_has_none(door, engine) -> None:
    client = await ask(door, method="HEAD")
    asked = await engine.request()
    assert asked.line == "GET /version HTTP/1.1"
    await asked.send(answer(LENGTH))
    answered = await client.answer()
    assert (answered.status, answered.headers["content-length"]) == (200, str(len(BODY)))
    await gets_its_own(door, engine, client)


@pytest.mark.parametrize("size", [COLLECTED_BYTES, COLLECTED_BYTES + 1])
async def test_head_of_an_answer_too_long_to_be_collected_has_no_body_either(door, engine, size) -> None:
    client = await ask(door, method="HEAD")
    asked = await engine.request()
    sending = asyncio.ensure_future(asked.send(answer(b"Content-Length: %d\r\n" % size, b"{%b}" % (b" " * (size - 2)))))
    answered = await client.answer()
    assert answered.status == (200 if size == COLLECTED_BYTES else 502)
    await asyncio.gather(sending, return_exceptions=True)
    await gets_its_own(door, engine, client)


EVENT = b'data: {"choices":[{"index":0,"text":"x"}]}\n\n'
STREAM = EVENT + b"data: [DONE]\n\n"
SSE = b"Content-Type: text/event-stream\r\n"

STREAMS = {
    "chunks": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(STREAM), STREAM),
    "chunks and trailers": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\nX: stray\r\n\r\n"
    % (len(STREAM), STREAM),
    "a length": b"Content-Length: %d\r\n\r\n%b" % (len(STREAM), STREAM),
    "until it closes": b"\r\n" + STREAM,
    "a hop of its own": b"Connection: close, X-Stray\r\nX-Stray: 1\r\nContent-Length: %d\r\n\r\n%b"
    % (len(STREAM), STREAM),
    "garbage behind its end": b"Content-Length: %d\r\n\r\n%bstray" % (len(STREAM), STREAM),
    "a second answer behind its end": b"Content-Length: %d\r\n\r\n%b%b" % (len(STREAM), STREAM, STRAY),
}


async def ask_for_a_stream(door, engine, minor: int = 1):
    client = await door.client()
    head = f"POST /v1/completions HTTP/1.{minor}\r\nHost: door\r\n".encode() + JSON
    await client.send(head + b"Content-Length: %d\r\n\r\n" % len(CHAT) + CHAT)
    return client, await engine.request()


@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream_passes_however_it_is_framed(door, engine, name) -> None:
    client, asked = await ask_for_a_stream(door, engine)
    await asked.send(b"HTTP/1.1 200 OK\r\n" + SSE + STREAMS[name])
    if name == "until it closes":
        asked.hang_up()
    head = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    assert b"stray" not in head.lower()
    assert b"transfer-encoding: chunked" in head
    body = await asyncio.wait_for(client.reader.readuntil(b"\r\n0\r\n\r\n"), PATIENCE_S)
    assert body == b"%x\r\n%b\r\n0\r\n\r\n" % (len(STREAM), STREAM) or body.count(b"data:") == 2
    assert b"stray" not in body
    await gets_its_own(door, engine, client)


async def test_a_stream_to_http_1_0_ends_with_its_connection(door, engine) -> None:
    client, asked = await ask_for_a_stream(door, engine, minor=0)
    await asked.send(b"HTTP/1.1 200 OK\r\n" + SSE + STREAMS["chunks"])
    said = await asyncio.wait_for(client.reader.read(), PATIENCE_S)
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body == STREAM
