"""A client that leaves, whenever it does: the engine is told, the place is free, and nobody else notices.

How long it takes is logged (`--log-cli-level=INFO` shows it) and judged by people; what is asserted is that it happens.
The last test lets some hundred clients come and go in an order that only its seed knows, and then counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

import pytest
from e2e.frontdoor.playing_engine import event, numbers, prompt

BODY = b'{"model":"tiny","prompt":"x","stream":true}'
HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: door\r\nContent-Type: application/json\r\n"
REQUEST = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
PATIENCE_S = 10.0

logger = logging.getLogger(__name__)


def leave(client) -> None:
    """As a program does that closes its socket: the end of the stream, or a reset when it had not read all."""
    client.writer.close()


def reset(client) -> None:
    """As a host does whose program is gone."""
    client.writer.transport.abort()


WAYS = pytest.mark.parametrize("way", [leave, reset])


async def gone(asked) -> None:
    """The engine has seen its client go."""
    await asyncio.wait_for(asked.client_gone.wait(), PATIENCE_S)


async def free(door) -> None:
    await door.until(lambda: door.active == 0)


async def in_prefill(door, engine, body: bytes = REQUEST):
    client = await door.client()
    await client.send(body)
    return client, await engine.request()


async def in_stream(door, engine):
    client, asked = await in_prefill(door, engine)
    await asked.start_stream()
    await asked.send_event(event(1))
    await (await client.answer()).read_some(event(1))
    return client, asked


@WAYS
@pytest.mark.parametrize("sent", [b"", b"\r\n", REQUEST[:10], HEAD, REQUEST[: -len(BODY) - 2]])
async def test_before_its_head_is_whole_nothing_has_begun(door, engine, way, sent) -> None:
    client = await door.client()
    await client.send(sent)
    way(client)
    await serves(door, engine)
    assert door.active == 0
    assert engine.seen == []


async def serves(door, engine) -> None:
    """Somebody else gets in, and out again with an answer."""
    client, asked = await in_prefill(door, engine)
    await asked.reply(200, b"{}")
    assert (await client.answer()).status == 200
    engine.seen.remove(asked)
    await free(door)


@WAYS
@pytest.mark.parametrize("framing", [b"Content-Length: 999999\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nf\r\n"])
async def test_during_its_upload_the_place_is_free_again(door, engine, way, framing) -> None:
    client = await door.client()
    await client.send(HEAD + framing + b'{"model":')
    await door.until(lambda: door.active == 1)
    way(client)
    await free(door)
    await serves(door, engine)
    assert engine.seen == []
    [told] = [each for each in door.events("request") if each["outcome"] == "client_left"]
    assert told["phase"] == "upload"


@WAYS
async def test_while_the_upload_is_asked_for(door, engine, way) -> None:
    client = await door.client()
    await client.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 99\r\n\r\n")
    await client.reader.readuntil(b"100 Continue\r\n\r\n")
    way(client)
    await free(door)
    assert engine.seen == []


async def not_streamed(door, engine):
    body = BODY.replace(b"true", b"false")
    return await in_prefill(door, engine, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)


async def half_of_a_whole_answer(door, engine):
    client, asked = await in_prefill(door, engine)
    await asked.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{")
    return client, asked


async def half_of_a_long_answer(door, engine):
    client, asked = await in_prefill(door, engine)
    await asked.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99000000\r\n\r\n")
    await asked.send(b" " * 9_000_000)  # more than is collected
    await client.answer()
    return client, asked


async def before_the_first_event(door, engine):
    client, asked = await in_prefill(door, engine)
    await asked.start_stream()
    await client.answer()
    return client, asked


async def in_the_middle_of_an_event(door, engine):
    client, asked = await in_stream(door, engine)
    await asked.send_event(b'data: {"half":')
    return client, asked


@WAYS
@pytest.mark.parametrize(
    ("come_so_far", "phase"),
    [
        (in_prefill, "prefill"),
        (not_streamed, "prefill"),
        (half_of_a_whole_answer, "prefill"),
        (half_of_a_long_answer, "prefill"),
        (before_the_first_event, "prefill"),
        (in_stream, "decode"),
        (in_the_middle_of_an_event, "decode"),
    ],
)
async def test_the_engine_is_told_and_the_place_is_free(door, engine, way, come_so_far, phase) -> None:
    client, asked = await come_so_far(door, engine)
    way(client)
    await gone(asked)
    await free(door)
    [told] = door.events("request")
    assert (told["outcome"], told["phase"]) == ("client_left", phase)


async def test_with_much_unread_the_engine_is_told(door, engine) -> None:
    client, asked = await in_stream(door, engine)
    client.writer.transport.pause_reading()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            while True:
                await asked.send_event(b"data: {}\n\n" * 5000)
    reset(client)
    await gone(asked)
    await free(door)


async def test_who_ends_only_its_sending_has_left_too(door, engine) -> None:
    client, asked = await in_prefill(door, engine)
    client.writer.write_eof()
    await gone(asked)
    await free(door)


@pytest.fixture
async def queue(engine, open_door) -> Any:
    """A frontdoor with one place and a line in front of it."""
    door = await open_door(backend_url=engine.url, max_active_generations="1", queue_timeout_s="60")
    await door.until_open()
    return door


def waiting(door) -> int:
    return door.frontdoor.gate.admission.waiting


@WAYS
async def test_in_line_it_loses_its_place_at_once(queue, engine, way) -> None:
    first, running = await in_stream(queue, engine)
    second, third = await queue.client(), await queue.client()
    for number, client in enumerate((second, third), start=1):
        await client.send(REQUEST)
        await queue.until(lambda number=number: waiting(queue) == number)
    way(second)
    await queue.until(lambda: waiting(queue) == 1)
    assert engine.seen == [running]
    leave(first)
    await gone(running)
    asked = await engine.request()
    await asked.reply(200, b"{}")
    assert (await third.answer()).status == 200
    await free(queue)
    assert len(engine.seen) == 2
    [told] = [each for each in queue.events("request") if each.get("phase") == "queued"]
    assert told["outcome"] == "client_left"


@WAYS
async def test_who_is_admitted_as_it_leaves_gives_its_place_on(queue, engine, way) -> None:
    """Turn and leaving in the same run of the loop: the one behind must get in all the same."""
    first, running = await in_stream(queue, engine)
    second, third = await queue.client(), await queue.client()
    for number, client in enumerate((second, third), start=1):
        await client.send(REQUEST)
        await queue.until(lambda number=number: waiting(queue) == number)
    answering = asyncio.create_task(answer_all(engine), name="ScriptedEngine answers")
    await running.end_stream()
    way(second)
    assert (await third.answer()).status == 200
    leave(first)
    await free(queue)
    answering.cancel()


async def answer_all(engine) -> None:
    while True:
        asked = await engine.request()
        if not asked.writer.transport.is_closing():
            await asked.reply(200, b"{}")


@WAYS
async def test_with_more_requests_in_the_pipe_none_of_them_begins(door, engine, way) -> None:
    client = await door.client()
    await client.send(REQUEST * 3)
    asked = await engine.request()
    way(client)
    await gone(asked)
    await free(door)
    await serves(door, engine)
    assert engine.seen == [asked]


async def test_the_others_notice_nothing(door, engine) -> None:
    stays, served = await in_stream(door, engine)
    for _ in range(20):
        client, asked = await in_prefill(door, engine)
        leave(client)
        await gone(asked)
        await door.until(lambda: door.active == 1)
    await served.send_event(event(2))
    await served.end_stream()
    rest = await asyncio.wait_for(stays.reader.readuntil(b"\r\n0\r\n\r\n"), PATIENCE_S)
    assert numbers(rest) == [2]
    await free(door)


PHASES: dict[str, Callable[..., Awaitable[Any]]] = {"prefill": in_prefill, "stream": in_stream}


@pytest.mark.parametrize("phase", PHASES)
async def test_how_long_it_takes(door, engine, phase) -> None:
    engine_ms, place_ms = [], []
    for _ in range(50):
        client, asked = await PHASES[phase](door, engine)
        left = monotonic()
        leave(client)
        while door.active:  # noqa: ASYNC110  every run of the loop counts here
            await asyncio.sleep(0)
        place_ms.append((monotonic() - left) * 1000)
        await gone(asked)
        engine_ms.append((monotonic() - left) * 1000)
    for what, times in (("place free", place_ms), ("engine told", engine_ms)):
        logger.info("%s, %s: p50 %.2f ms, max %.2f ms", phase, what, median(times), max(times))
    assert max(engine_ms) < PATIENCE_S * 1000


CLIENTS = 300
CAP = 4


class Guest:
    """One of many: asks for something, stays for a while or to the end, and says how it went."""

    def __init__(self, dice: random.Random, address: tuple[str, int]) -> None:
        self._dice = dice
        self._address = address

    async def visit(self) -> None:
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            await self._stay(reader, writer)
        except ConnectionError:
            pass  # a reset that crossed with what was sent
        finally:
            if self._dice.random() < 0.3:
                writer.transport.abort()
            writer.close()

    async def _stay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dice = self._dice
        request = self._request()
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            if dice.random() < 0.15:  # leaves in the middle of its upload
                writer.write(request[: dice.randrange(len(request))])
                await asyncio.sleep(dice.random() * 0.01)
                return
            writer.write(request)
        if dice.random() < 0.5:  # patient
            await asyncio.wait_for(self._read_to_the_end(reader), PATIENCE_S)
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(dice.random() * dice.choice((0.003, 0.03, 0.1))):
                    await self._read_to_the_end(reader)

    def _request(self) -> bytes:
        dice = self._dice
        script = {
            "after": dice.choice((0, 0, 0.005, 0.05)),
            "events": dice.choice((0, 1, 5, 40)),
            "pause": dice.choice((0, 0.001, 0.005)),
            "bytes": dice.choice((0, 100, 20_000)),
        }
        body = json.dumps(prompt(stream=dice.random() < 0.7, **script)).encode()
        if dice.random() < 0.2:
            return HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body

    async def _read_to_the_end(self, reader: asyncio.StreamReader) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"chunked" in head:
            while (await reader.readline()) != b"0\r\n":
                pass
        else:
            length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))


def open_sockets() -> int:
    links = (os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return sum(link.startswith("socket:") for link in links)


@pytest.mark.parametrize(
    ("line", "at_once"), [("0", 7), ("0.05", 16), ("60", 40)], ids=["no line", "a short patience", "a long line"]
)
@pytest.mark.parametrize("seed", [1, 2])
async def test_many_come_and_go_in_any_order(open_door, playing, caplog, seed, line, at_once) -> None:
    """The cap holds at every moment, every place is given back once, and nothing is left in the end."""
    door = await open_door(backend_url=playing.url, max_active_generations=str(CAP), queue_timeout_s=line)
    await door.until_open()
    sockets = open_sockets()
    most = 0

    async def keep_looking() -> None:
        nonlocal most
        while True:
            most = max(most, door.active)
            await asyncio.sleep(0)

    looking = asyncio.create_task(keep_looking(), name="looking")
    dice = random.Random(seed)
    room = asyncio.Semaphore(at_once)

    async def visit(guest: Guest) -> None:
        async with room:
            await guest.visit()

    guests = [Guest(random.Random(dice.random()), door.frontdoor.address) for _ in range(CLIENTS)]
    async with asyncio.TaskGroup() as group:
        for guest in guests:
            group.create_task(visit(guest))
    await free(door)
    looking.cancel()
    assert most == CAP
    assert waiting(door) == 0
    await door.until(lambda: playing.running == 0 and not door.frontdoor.calls)
    assert playing.begun == playing.finished + playing.left
    assert playing.begun > CLIENTS / 15  # the test is about something
    assert not [told for told in door.events("request") if told["outcome"] in ("failed", "engine_failed")]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    # both ends of what the frontdoor keeps open to the engine are in this process, and nothing else is
    await door.until(lambda: open_sockets() <= sockets + 2 * len(playing.connections))


async def test_while_a_connection_to_the_engine_is_made_nothing_is_sent_any_more(door, engine) -> None:
    first, _ = await in_prefill(door, engine)  # has the connection that was idle
    engine.stop_listening()
    with socket.socket() as full:
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind(("127.0.0.1", engine.port))
        full.listen(0)
        others = [socket.socket() for _ in range(4)]
        for other in others:  # until the kernel takes no more: the next one's connect waits
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        client = await door.client()
        await client.send(REQUEST)
        await door.until(lambda: any(call.waiter is not None for call in door.frontdoor.calls))
        [waiter] = [call.waiter for call in door.frontdoor.calls if call.waiter is not None]
        client.writer.transport.abort()
        await door.until(lambda: door.active == 1)
        await asyncio.wait([waiter], timeout=PATIENCE_S)
        assert waiter.cancelled()
        for other in others:
            other.close()
    first.writer.close()
    await free(door)
    assert len(engine.seen) == 1
