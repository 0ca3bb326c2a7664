"""Requests and answers damaged at random: whatever is sent, nothing breaks, and nobody gets what is another's.

The rows of `malformed_requests` and `malformed_answers` are joined, cut, changed and mixed with what messages are made
of; the dice have a fixed seed, so that a failure comes again. What somebody deserves for it is not asked here, only
what must not happen.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from e2e.frontdoor.malformed_answers import ANSWERS
from e2e.frontdoor.malformed_requests import BODY, CHUNKED, LAST, LENGTH, MAX_BODY_BYTES, MAX_HEAD_BYTES, REQUESTS, post
from e2e.frontdoor.recording_engine import Reached, RecordingEngine

PATIENCE_S = 20.0
CLIENTS = 400
AT_ONCE = 40
LONG_BYTES = 3_000

WHOLE = [sent for row in REQUESTS.values() if 0 < len(sent := b"".join(row.sent)) < LONG_BYTES]
STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'2c\r\ndata: {"choices":[{"index":0,"text":"x"}]}\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n'
)
WHOLE_ANSWERS = [row.sent for row in ANSWERS.values() if len(row.sent) < LONG_BYTES] + [STREAM] * 20
PIECES = [
    *(b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b";", b",", b"0", b"1", b"f", b"\xff", b"1d\r\n", b"HTTP/1.0"),
    *(LENGTH, CHUNKED, LAST, BODY, post(LENGTH, BODY)),
    *(b"Content-Length: 3\r\n", b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n"),
    *(b"Expect: 100-continue\r\n", b"HEAD /version HTTP/1.1\r\nHost: door\r\n\r\n"),
]


def damaged(dice: random.Random, messages: list[bytes]) -> bytes:
    """One message or more, with up to six injuries."""
    sent = bytearray(b"".join(messages))
    for _ in range(dice.choice((0, 1, 1, 2, 3, 6))):
        place = dice.randrange(len(sent) + 1)
        match dice.choice(("insert", "insert", "delete", "change")):
            case "insert":
                sent[place:place] = dice.choice(PIECES)
            case "delete":
                del sent[place : place + dice.choice((1, 2, 5, 30))]
            case _:
                sent[place : place + 1] = bytes([dice.randrange(256)])
    return bytes(sent)


@pytest.fixture
async def door(recorder, open_door) -> Any:
    """It gives up soon what does not come, and what has been answered."""
    door = await open_door(
        backend_url=recorder.url,
        max_active_generations=str(AT_ONCE),
        max_head_bytes=str(MAX_HEAD_BYTES),
        max_body_bytes=str(MAX_BODY_BYTES),
        head_timeout_s="0.2",
        body_idle_timeout_s="0.2",
        keep_alive_s="0.2",
    )
    await door.until_open()
    return door


async def said_to(address: tuple[str, int], sent: bytes, piece_bytes: int) -> bytes:
    """All that comes back until the other side has closed."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for start in range(0, len(sent), piece_bytes):
            writer.write(sent[start : start + piece_bytes])
            await writer.drain()
            await asyncio.sleep(0)
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("seed", [1, 2])
async def test_damaged_requests_break_nothing(door, recorder, caplog, seed) -> None:
    dice = random.Random(seed)
    for _ in range(0, CLIENTS, AT_ONCE):
        all_sent = [damaged(dice, dice.choices(WHOLE, k=dice.choice((1, 1, 2, 3)))) for _ in range(AT_ONCE)]
        each = [said_to(door.frontdoor.address, sent, dice.choice((1, 3, 50, 5_000))) for sent in all_sent]
        for sent, said in zip(all_sent, await asyncio.gather(*each), strict=True):
            statuses = {line.split()[1] for line in said.splitlines() if line.startswith(b"HTTP/1.1 ")}
            assert not {status for status in statuses if status >= b"500"}, sent
    await door.until(lambda: door.active == 0)
    assert (recorder.odd, recorder.unread) == ([], b"")
    assert not [seen.asked for seen in recorder.seen if b"smuggled" in seen.asked]
    assert len(recorder.seen) > CLIENTS / 10  # the test is about something
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not [told for told in door.events("request") if told["outcome"] == "failed"]


class Damaging(RecordingEngine):
    """Answers who says so properly, and everybody else with anything."""

    dice = random.Random()

    def answer(self, request: Reached, transport: asyncio.Transport) -> None:
        if request.is_probe or request.request_id.startswith("own"):
            super().answer(request, transport)
            return
        transport.write(damaged(self.dice, [self.dice.choice(WHOLE_ANSWERS)]))
        if self.dice.random() < 0.5:
            transport.close()


@pytest.fixture
async def damaging() -> AsyncIterator[Damaging]:
    async with Damaging() as engine:
        yield engine


@pytest.mark.parametrize("seed", [1, 2])
async def test_damaged_answers_reach_nobody_else(open_door, damaging, caplog, seed) -> None:
    """One in three clients is answered properly: it gets that answer, or is told that the engine failed."""
    door = await open_door(
        backend_url=damaging.url, max_active_generations=str(AT_ONCE), backend_timeout_s="0.5", keep_alive_s="0.5"
    )
    await door.until_open()
    dice = damaging.dice = random.Random(seed)
    served = 0
    for number in range(0, CLIENTS, AT_ONCE):
        ids = [f"{'own' if dice.random() < 0.3 else 'any'}-{number + each}" for each in range(AT_ONCE)]
        fields = [b"Connection: close\r\nX-Request-Id: %b\r\n%b" % (each.encode(), LENGTH) for each in ids]
        told = await asyncio.gather(*(said_to(door.frontdoor.address, post(each, BODY), LONG_BYTES) for each in fields))
        for request_id, said in zip(ids, told, strict=True):
            head, _, body = said.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 ") and b" 500 " not in head[:20], said
            assert head.count(b"x-request-id: " + request_id.encode()) == 1
            if request_id.startswith("own") and b" 502 " not in head[:20]:
                assert request_id.encode() in body
                served += 1
    await door.until(lambda: door.active == 0 and not door.frontdoor.calls)
    assert served > CLIENTS / 10
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
