"""Load with exact times: connections as asyncio protocols, and the few shapes of load that are measured.

Every load says what came of it and raises `LoadFailed` when that is not what was asked for: a proxy that drops streams
must not look quick.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from time import monotonic_ns
from typing import Any, cast

from bench.wire import EventScanner, Head, Wish

HOST = "127.0.0.1"
PATIENCE_S = 60.0


class LoadFailed(Exception):
    """The load did not go as it must: nothing measured by it counts."""


@dataclass(slots=True)
class Answer:
    """What came of one request. Times in nanoseconds; `first_ns` and `delays_ns` are of a stream's tokens."""

    asked_ns: int
    status: int = 0
    ended_ns: int = 0
    first_ns: int = 0
    delays_ns: list[int] = field(default_factory=list)
    is_whole: bool = False


def _nobody(news: object) -> None:
    pass


class Connection(asyncio.Protocol):
    """One connection to a proxy: one request at a time."""

    def __init__(self) -> None:
        self.is_open = False
        # told of each answer's end, whole or not, but not after close()
        self.on_end: Callable[[Answer], None] = _nobody
        # told how many tokens there are so far, at each arrival of some
        self.on_event: Callable[[int], None] = _nobody
        self._answer: Answer | None = None
        self._head: Head | None = None
        self._buffer = b""
        self._left = 0
        self._events = EventScanner()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.is_open = True
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._answer is not None:
            self._end()

    def close(self) -> None:
        self._answer = None
        self._transport.close()

    def ask(self, request: bytes) -> None:
        self._head = None
        self._buffer = b""
        self._events = EventScanner()
        self._answer = Answer(monotonic_ns())
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        now = monotonic_ns()
        if self._answer is None:
            return
        if self._head is None:
            self._buffer += data
            end = self._buffer.find(b"\r\n\r\n") + 4
            if end == 3:
                return
            self._head = Head(self._buffer[:end])
            self._answer.status = self._head.status
            self._left = self._head.length or 0
            data = self._buffer[end:]
        if self._head.length is None:
            self._take_events(self._answer, data, now)
        else:
            self._left -= len(data)
            self._answer.is_whole = self._left <= 0
        if self._answer.is_whole:
            self._end()

    def _take_events(self, answer: Answer, data: bytes, now: int) -> None:
        stamps = self._events.feed(data)
        if stamps:
            answer.first_ns = answer.first_ns or now
            answer.delays_ns += [now - stamp for stamp in stamps]
            self.on_event(len(answer.delays_ns))
        answer.is_whole = self._events.is_done and self._events.ended

    def _end(self) -> None:
        answer, self._answer = self._answer, None
        assert answer is not None
        answer.ended_ns = monotonic_ns()
        if self._head is not None and not self._head.keeps_open:
            self.is_open = False
            self._transport.close()
        self.on_end(answer)


async def connect(port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, HOST, port)
    return connection


async def streams(port: int, workers: int, count: int, wish: Wish) -> list[Answer]:
    """`count` streams in all, `workers` of them at a time, one after the other on each connection."""
    answers = await _closed_loop(port, workers, wish.request(), lambda asked: asked < count)
    bad = [answer for answer in answers if not answer.is_whole or len(answer.delays_ns) != wish.tokens]
    if bad:
        raise LoadFailed(f"{len(bad)} of {count} streams were not whole; the first had status {bad[0].status}")
    return answers


async def requests(port: int, workers: int, seconds: float, wish: Wish) -> list[Answer]:
    """Requests without a stream for some seconds, one after the other on each of `workers` connections."""
    until_ns = monotonic_ns() + int(seconds * 1e9)
    answers = await _closed_loop(port, workers, wish.request(), lambda asked: monotonic_ns() < until_ns)
    bad = [answer for answer in answers if answer.status != 200 or not answer.is_whole]
    if bad:
        raise LoadFailed(f"{len(bad)} of {len(answers)} requests failed; the first had status {bad[0].status}")
    return answers


async def _closed_loop(port: int, workers: int, request: bytes, may_ask: Callable[[int], bool]) -> list[Answer]:
    """Each worker asks again as soon as it is answered, as long as `may_ask` (told how many were asked so far)."""
    answers: list[Answer] = []
    finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asked = idle = 0

    def go_on(connection: Connection) -> None:
        nonlocal asked, idle
        if may_ask(asked) and connection.is_open:
            asked += 1
            connection.ask(request)
            return
        idle += 1
        connection.close()
        if idle == workers:
            finished.set_result(None)

    def answered(connection: Connection, answer: Answer) -> None:
        answers.append(answer)
        go_on(connection)

    for connection in [await connect(port) for _ in range(workers)]:
        connection.on_end = partial(answered, connection)
        go_on(connection)
    await asyncio.wait_for(finished, PATIENCE_S)
    return answers


async def refusals(port: int, count: int) -> list[Answer]:
    """`count` requests one after the other from one client; where it has to connect again, that counts as its wait."""
    request = Wish().request()
    answers: list[Answer] = []
    connection: Connection | None = None
    for _ in range(count):
        began = monotonic_ns()
        if connection is None or not connection.is_open:
            connection = await connect(port)
        ended: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        connection.on_end = ended.set_result
        connection.ask(request)
        answer = await asyncio.wait_for(ended, PATIENCE_S)
        answer.asked_ns = began
        answers.append(answer)
    if connection is not None:
        connection.close()
    return answers


@asynccontextmanager
async def held(
    port: int, count: int, *, tokens: int = 1, first_us: int = 0, every_us: int = 3_600_000_000
) -> AsyncIterator[list[Connection]]:
    """`count` open streams, each after it has brought `tokens` tokens. Their ids are 0, 1, 2 and so on."""
    brought = [0] * count
    there: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    ended: list[Answer] = []

    def note(number: int, events: int) -> None:
        brought[number] = events
        if not there.done() and min(brought) >= tokens:
            there.set_result(None)

    def lost(answer: Answer) -> None:
        ended.append(answer)
        if not there.done():
            there.set_exception(LoadFailed(f"no stream of {count} may end, one did with status {answer.status}"))

    connections = []
    try:
        for number in range(count):
            connection = await connect(port)
            connection.on_end, connection.on_event = lost, partial(note, number)
            connections.append(connection)
            wish = Wish(id=number, first_us=first_us, every_us=every_us, tokens=1_000_000)
            connection.ask(wish.request())
        if tokens and count:
            await asyncio.wait_for(there, PATIENCE_S)
        yield connections
    finally:
        for connection in connections:
            connection.close()
    if ended:
        raise LoadFailed(f"{len(ended)} of {count} streams have ended that should stay open")


async def happenings(emulator_port: int) -> dict[str, Any]:
    """What the emulator has noticed since it was asked last: {"open": N, "arrived": [ID], "gone": {ID: NS}}."""
    return dict(json.loads(await page(emulator_port, "/bench/gone")))


async def page(port: int, path: str) -> bytes:
    """A page that must be there. Raises LoadFailed, or OSError when nobody listens."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % path.encode())
        head = Head(await reader.readuntil(b"\r\n\r\n"))
        body = await reader.readexactly(head.length or 0)
    except asyncio.IncompleteReadError as exc:
        raise LoadFailed(f"{path}: the connection ended") from exc
    finally:
        writer.close()
    if head.status != 200:
        raise LoadFailed(f"{path}: status {head.status}")
    return body
