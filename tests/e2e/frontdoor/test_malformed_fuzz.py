"""Requests damaged at random: whatever is sent, the engine sees whole requests or nothing, and nothing breaks.

The rows of `malformed_requests` are joined, cut, changed and mixed with what requests are made of; the dice have a
fixed seed, so that a failure comes again. What a client deserves for it is not asked here, only what must not happen.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from e2e.frontdoor.malformed_requests import BODY, CHUNKED, LAST, LENGTH, MAX_BODY_BYTES, MAX_HEAD_BYTES, REQUESTS, post
from e2e.frontdoor.recording_engine import RecordingEngine

PATIENCE_S = 20.0
CLIENTS = 400
AT_ONCE = 40
LONG_BYTES = 3_000

WHOLE = [sent for row in REQUESTS.values() if 0 < len(sent := b"".join(row.sent)) < LONG_BYTES]
PIECES = [
    *(b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b";", b",", b"0", b"1", b"f", b"\xff", b"1d\r\n", b"HTTP/1.0"),
    *(LENGTH, CHUNKED, LAST, BODY, post(LENGTH, BODY)),
    *(b"Content-Length: 3\r\n", b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n"),
    *(b"Expect: 100-continue\r\n", b"HEAD /version HTTP/1.1\r\nHost: door\r\n\r\n"),
]


def damaged(dice: random.Random) -> bytes:
    """One to three requests of the corpus, with up to six injuries."""
    sent = bytearray(b"".join(dice.choices(WHOLE, k=dice.choice((1, 1, 2, 3)))))
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
async def recorder() -> AsyncIterator[RecordingEngine]:
    engine = RecordingEngine()
    await engine.start()
    yield engine
    await engine.stop()


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
        all_sent = [damaged(dice) for _ in range(AT_ONCE)]
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
