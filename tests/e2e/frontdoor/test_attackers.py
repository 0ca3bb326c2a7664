"""Clients that mean harm, or know no better, while somebody else is served.

Each attack runs beside a stream that must not notice: all of its events arrive, in order, while the attack lasts.
What an attacker gets is told (408, 503) where it can still be told, and then its connection ends.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from e2e.frontdoor.playing_engine import PlayingEngine, numbers, prompt
from frontdoor_process import FrontdoorProcess, frontdoor_process

PATIENCE_S = 20.0
HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: door\r\nContent-Type: application/json\r\n"


@pytest.fixture
def door_with(playing, open_door) -> Callable[..., Awaitable[Any]]:
    """`await door_with(head_timeout_s="0.5")`: a frontdoor with room for everybody, short of these settings."""

    async def start(**settings: str) -> Any:
        door = await open_door(backend_url=playing.url, max_active_generations="100", **settings)
        await door.until_open()
        return door

    return start


class Stranger:
    """A connection that keeps to nothing: sends what it likes, reads when it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            pass

    async def trickle(self, data: bytes, pause_s: float) -> bool:
        """A byte at a time, until nobody listens any more; whether all was sent before."""
        for byte in data:
            await self.send(bytes([byte]))
            await asyncio.sleep(pause_s)
            if self.writer.is_closing() or self.reader.at_eof():
                return False
        return True

    async def ask(self, **script: float) -> None:
        body = json.dumps(prompt(**script)).encode()
        await self.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def rest(self) -> bytes:
        """All that comes until the other side has ended the connection."""
        try:
            return await asyncio.wait_for(self.reader.read(), PATIENCE_S)
        except ConnectionResetError:
            return b""

    def leave(self) -> None:
        self.writer.close()


@asynccontextmanager
async def strangers(address: tuple[str, int], count: int, source: str = "127.0.0.1") -> AsyncIterator[list[Stranger]]:
    """`count` connections from one address, closed at the end whatever became of them."""
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection(*address, local_addr=(source, 0))
            stack.callback(writer.close)
            found.append(Stranger(reader, writer))
        yield found


def refusal_in(answer: bytes) -> tuple[int, str]:
    """Status and code of the one answer in `answer`, which must say that the connection ends."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    return int(head.split()[1]), json.loads(body)["error"]["code"]


class Neighbour:
    """A client who streams all the while: `goes_on` waits until it has got some more."""

    def __init__(self, stranger: Stranger) -> None:
        self._stranger = stranger
        self._stream = b""

    async def goes_on(self, events: int = 20) -> None:
        wanted = self._stream.count(b"data:") + events
        while self._stream.count(b"data:") < wanted:
            arrived = await asyncio.wait_for(self._stranger.reader.read(65_536), PATIENCE_S)
            assert arrived, "the neighbour's stream has ended"
            self._stream += arrived

    def leave(self) -> list[int]:
        self._stranger.leave()
        return numbers(self._stream[: self._stream.rindex(b"\n\n")])


@asynccontextmanager
async def neighbour(address: tuple[str, int]) -> AsyncIterator[Neighbour]:
    """Streams before, during and after the attack, and has missed nothing in the end."""
    async with strangers(address, 1) as [stranger]:
        await stranger.ask(pause=0.002)
        undisturbed = Neighbour(stranger)
        await undisturbed.goes_on()
        yield undisturbed
        await undisturbed.goes_on()
        got = undisturbed.leave()
        assert got == list(range(len(got)))


async def test_a_head_that_trickles_in_is_408(door_with) -> None:
    door = await door_with(head_timeout_s="0.5")
    address = door.frontdoor.address
    async with neighbour(address) as other, strangers(address, 20) as attackers:
        trickling = [asyncio.create_task(one.trickle(HEAD * 10, 0.02)) for one in attackers]
        for one in attackers:
            assert refusal_in(await one.rest()) == (408, "request_timeout")
            await other.goes_on(1)
        await asyncio.gather(*trickling)
    assert [told["reason"] for told in door.events("request") if told["status"] == 408] == ["head_timeout"] * 20


async def test_line_ends_for_ever_are_no_request(door_with) -> None:
    """An empty line or two may come before a request; a connection that has nothing else to say is closed."""
    door = await door_with(head_timeout_s="0.5")
    address = door.frontdoor.address
    async with neighbour(address) as other, strangers(address, 20) as attackers:
        trickling = [asyncio.create_task(one.trickle(b"\r\n" * 200, 0.02)) for one in attackers]
        for one in attackers:
            assert await one.rest() == b""
            await other.goes_on(1)
        assert not any(await asyncio.gather(*trickling))


async def test_a_head_of_endless_fields_is_408_or_431(door_with) -> None:
    door = await door_with(head_timeout_s="0.5", max_head_bytes="4096")
    address = door.frontdoor.address
    async with neighbour(address), strangers(address, 5) as attackers:

        async def feed(one: Stranger) -> None:
            await one.send(HEAD)
            while not one.reader.at_eof():
                await one.send(b"X-More: " + b"y" * 100 + b"\r\n")
                await asyncio.sleep(0.002)

        feeding = [asyncio.create_task(feed(one)) for one in attackers]
        for one in attackers:
            assert refusal_in(await one.rest()) in ((408, "request_timeout"), (431, "request_head_too_large"))
        await asyncio.gather(*feeding)


@pytest.mark.parametrize("framing", [b"Content-Length: 100\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n64\r\n"])
async def test_an_upload_that_stands_still_is_408(door_with, framing) -> None:
    door = await door_with(body_idle_timeout_s="0.5", body_timeout_s="60")
    address = door.frontdoor.address
    async with neighbour(address) as other, strangers(address, 20) as attackers:
        for one in attackers:
            await one.send(HEAD + framing + b'{"model"')
        for one in attackers:
            assert refusal_in(await one.rest()) == (408, "request_timeout")
            await other.goes_on(1)
        await door.until(lambda: door.active == 1)
    assert [told["reason"] for told in door.events("request") if told["status"] == 408] == ["body_timeout"] * 20


@pytest.mark.parametrize(
    ("framing", "byte"),
    [(b"Content-Length: 9999\r\n\r\n", b" "), (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n")],
    ids=["length", "chunks"],
)
async def test_an_upload_that_trickles_is_408_in_the_end(door_with, framing, byte) -> None:
    door = await door_with(body_idle_timeout_s="30", body_timeout_s="0.8")
    address = door.frontdoor.address
    async with neighbour(address) as other, strangers(address, 20) as attackers:
        trickling = [asyncio.create_task(one.trickle(HEAD + framing, 0)) for one in attackers]
        await asyncio.gather(*trickling)
        trickling = [asyncio.create_task(one.trickle(byte * 200, 0.01)) for one in attackers]
        for one in attackers:
            assert refusal_in(await one.rest()) == (408, "request_timeout")
            await other.goes_on(1)
        await asyncio.gather(*trickling)
        await door.until(lambda: door.active == 1)


async def test_a_slow_upload_that_ends_in_time_is_served(door_with) -> None:
    door = await door_with(body_idle_timeout_s="0.5", body_timeout_s="60")
    async with strangers(door.frontdoor.address, 1) as [one]:
        body = json.dumps(prompt(stream=False)).encode().ljust(150)
        await one.send(HEAD + b"Content-Length: 150\r\nConnection: close\r\n\r\n")
        await one.trickle(body, 0.01)  # three times as long as it may stand still
        assert (await one.rest()).startswith(b"HTTP/1.1 200 ")


async def test_a_client_that_reads_nothing_is_cut(door_with, playing) -> None:
    door = await door_with(write_stall_timeout_s="0.6")
    address = door.frontdoor.address
    async with neighbour(address) as other, strangers(address, 10) as attackers:
        for one in attackers:
            one.writer.transport.pause_reading()
            await one.ask(bytes=8000)
        await door.until(lambda: playing.running == 11)
        await other.goes_on()
        await door.until(lambda: playing.running == 1)
        assert playing.left == 10
        await door.until(lambda: door.active == 1)
        lost = [told for told in door.events("request") if told["outcome"] == "client_left"]
        assert [told["phase"] for told in lost] == ["decode"] * 10


async def test_a_client_that_reads_slowly_is_not_cut(door_with, playing) -> None:
    door = await door_with(write_stall_timeout_s="0.6")
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(slow, door.frontdoor.address)
    body = json.dumps(prompt(bytes=2000)).encode()
    await loop.sock_sendall(slow, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    began = loop.time()
    while loop.time() - began < 3.0:  # five times as long as it may read nothing
        assert await asyncio.wait_for(loop.sock_recv(slow, 1000), PATIENCE_S)
        await asyncio.sleep(0.02)
    assert playing.running == 1
    slow.close()
    await door.until(lambda: playing.running == 0 and door.active == 0)


async def test_two_hundred_that_say_nothing_are_closed(door_with) -> None:
    door = await door_with(head_timeout_s="0.5", keep_alive_s="60")
    address = door.frontdoor.address
    async with neighbour(address) as other, strangers(address, 200) as idle:
        await other.goes_on()
        for one in idle:
            assert await one.rest() == b""


async def test_two_hundred_that_have_said_all_are_closed_later(door_with) -> None:
    door = await door_with(head_timeout_s="60", keep_alive_s="0.5")
    address = door.frontdoor.address
    async with neighbour(address) as other, strangers(address, 200) as idle:
        for one in idle:
            await one.send(b"GET /health HTTP/1.1\r\nHost: door\r\n\r\n")
        await other.goes_on()
        for one in idle:
            said = await one.rest()
            assert said.startswith(b"HTTP/1.1 200 ")
            assert said.count(b"HTTP/1.1") == 1


async def test_more_connections_than_there_may_be_are_503(door_with) -> None:
    door = await door_with(max_connections="20")
    address = door.frontdoor.address
    async with neighbour(address) as other, strangers(address, 19) as within:
        async with strangers(address, 200) as beyond:
            for one in beyond:
                assert refusal_in(await one.rest()) == (503, "too_many_connections")
            await other.goes_on()
        for one in within:  # they have lost nothing by it
            await one.send(b"GET /health HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n")
            assert (await one.rest()).startswith(b"HTTP/1.1 200 ")
        await until_welcome(address)


async def test_who_is_one_too_many_is_told_so_though_it_has_asked_already(door_with) -> None:
    door = await door_with(max_connections="5")
    address = door.frontdoor.address
    async with neighbour(address) as other, strangers(address, 4):
        for _ in range(50):
            async with strangers(address, 1) as [one]:
                await one.ask()
                assert refusal_in(await one.rest()) == (503, "too_many_connections")
        await other.goes_on()


async def until_welcome(address: tuple[str, int]) -> None:
    """Connections that have ended make room for others."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with strangers(address, 1) as [one]:
                await one.send(b"GET /health HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n")
                if (await one.rest()).startswith(b"HTTP/1.1 200 "):
                    return


async def test_one_address_cannot_take_the_connections_of_all(door_with) -> None:
    door = await door_with(max_connections_per_address="5")
    address = door.frontdoor.address
    async with neighbour(address) as other, strangers(address, 5, "127.0.0.2"):
        async with strangers(address, 50, "127.0.0.2") as beyond:
            for one in beyond:
                assert refusal_in(await one.rest()) == (503, "too_many_connections")
        await other.goes_on()
        async with strangers(address, 5, "127.0.0.3") as others:
            for one in others:
                await one.send(b"GET /health HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n")
                assert (await one.rest()).startswith(b"HTTP/1.1 200 ")


async def test_connections_that_come_and_go_cost_nobody_anything(door_with) -> None:
    door = await door_with(max_connections="50")
    address = door.frontdoor.address
    async with neighbour(address) as other:
        for _ in range(20):
            async with strangers(address, 40) as many:
                for one in many[::2]:
                    await one.send(HEAD[:20])
                    one.writer.transport.abort()
            await other.goes_on(1)
        await until_welcome(address)


@pytest.mark.parametrize("waits", [False, True], ids=["sends on", "sends all first"])
async def test_a_refusal_reaches_who_is_still_sending(door_with, waits) -> None:
    """The answer comes before the upload's end, and no reset takes it away."""
    door = await door_with(max_body_bytes="100000")
    body_bytes = 3_000_000
    async with strangers(door.frontdoor.address, 1) as [one]:
        sending = asyncio.create_task(one.send(HEAD + b"Content-Length: %d\r\n\r\n" % body_bytes + b"x" * body_bytes))
        if waits:
            await sending
        assert refusal_in(await one.rest()) == (413, "request_too_large")
        await sending


Besieged = tuple[FrontdoorProcess, Neighbour, list[Stranger]]


@pytest.fixture
def besieged(playing, tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Besieged]]:
    """`async with besieged(50, queue_timeout_s="9") as (door, other, attackers)`: so many, beside one neighbour.

    The frontdoor is a process, so that its memory is its own.
    """

    @asynccontextmanager
    async def start(count: int, **settings: str) -> AsyncIterator[Besieged]:
        told = {"max_active_generations": "100", "log_events": "false"} | settings
        with frontdoor_process(tmp_path / "frontdoor.log", backend_url=playing.url, **told) as door:
            address = ("127.0.0.1", door.port)
            await until_welcome(address)
            async with neighbour(address) as other, strangers(address, count) as attackers:
                yield door, other, attackers

    return start


async def until_blocked(playing: PlayingEngine, count: int) -> None:
    """Until that many streams stand still, and have stood still for a while: nothing more fits anywhere."""
    async with asyncio.timeout(PATIENCE_S):
        looks = 0
        while looks < 5:
            await asyncio.sleep(0.1)
            looks = looks + 1 if playing.blocked == count else 0


async def test_a_reader_who_does_not_read_costs_less_than_a_mebibyte(besieged, playing) -> None:
    """Fifty of them, each in front of a stream that never ends."""
    async with besieged(50) as (door, other, attackers):
        before = door.rss_bytes
        for one in attackers:
            one.writer.transport.pause_reading()
            await one.ask(bytes=4000)
        await until_blocked(playing, 50)
        await other.goes_on()
        each = (door.rss_bytes - before) / len(attackers)
        assert each < 1 << 20


async def test_requests_without_number_and_no_answer_read_cost_little(besieged) -> None:
    """Pipelined for ever: 10,000 answers of some 20 KiB each are not made for somebody who reads none."""
    async with besieged(1) as (door, other, [one]):
        before = door.rss_bytes
        one.writer.transport.pause_reading()
        one.writer.write(b"GET /metrics HTTP/1.1\r\nHost: door\r\n\r\n" * 10_000)
        for _ in range(10):
            await other.goes_on()
        assert door.rss_bytes - before < 8 << 20


async def test_a_body_in_millions_of_chunks_costs_no_more_than_its_bytes(besieged) -> None:
    async with besieged(1) as (door, other, [one]):
        before = door.rss_bytes
        await one.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(100):
            await one.send(b"2\r\n  \r\n" * 10_000)
            await other.goes_on(1)
        assert door.rss_bytes - before < 16 << 20


async def test_a_line_of_large_uploads_is_held_back(besieged) -> None:
    """What is kept of the bodies in line is bounded as a whole: with room for 512 it is 1 MiB of each, not all 8."""
    line = {"max_active_generations": "1", "queue_timeout_s": "60", "max_queued": "512"}
    async with besieged(20, **line) as (door, other, waiting):
        before = door.rss_bytes
        for one in waiting:
            one.writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % (8 << 20) + b" " * (8 << 20))
        for _ in range(20):
            await other.goes_on()
        assert door.rss_bytes - before < len(waiting) * (2 << 20)
