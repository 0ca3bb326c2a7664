"""Clients that never rest, and a quick engine for them: what a restart under load is measured with.

Each client is a raw connection that asks, reads the whole answer, and asks again: streamed or not, on the same
connection or on a new one, as the dice say. Whatever is not a whole answer with status 200 is a failure, and is told.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import cast

EVENTS = 4
EVENT_S = 0.002
ANSWER_S = 0.002
MODELS = b'{"object":"list","data":[{"id":"tiny","object":"model"}]}'
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
LAST = b"data: [DONE]\n\n"
ANSWER = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"words"},"finish_reason":"stop"}]}'


class QuickEngine:
    """Counts how many generations run at once, over all connections; `most` is the most there ever were."""

    def __init__(self) -> None:
        self.active = 0
        self.most = 0
        self.url = ""
        self.transports: set[asyncio.Transport] = set()

    async def __aenter__(self) -> QuickEngine:
        self._server = await asyncio.get_running_loop().create_server(lambda: EngineConnection(self), "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        left = asyncio.create_task(self._server.wait_closed())
        await asyncio.sleep(0)  # uvloop tells only who waits already
        self._server.close()
        for transport in self.transports:
            transport.abort()
        await left


class EngineConnection(asyncio.Protocol):
    def __init__(self, engine: QuickEngine) -> None:
        self.engine = engine
        self.unread = b""
        self.is_generating = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.engine.transports.add(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._generates(False)
        self.engine.transports.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self.unread += data
        head, end, body = self.unread.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return
        self.unread = b""
        loop = asyncio.get_running_loop()
        if head.startswith(b"GET"):
            self._whole(MODELS)
        elif b'"stream":true' in body:
            self._generates(True)
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            events = int(body.partition(b'"max_tokens":')[2].partition(b",")[0])
            loop.call_later(EVENT_S, self._event, events)
        else:
            self._generates(True)
            loop.call_later(ANSWER_S, self._whole, ANSWER)

    def _event(self, left: int) -> None:
        if not left:
            self._generates(False)
            self._write(_chunk(LAST) + b"0\r\n\r\n")
            return
        self._write(_chunk(EVENT))
        asyncio.get_running_loop().call_later(EVENT_S, self._event, left - 1)

    def _whole(self, body: bytes) -> None:
        self._generates(False)
        self._write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )

    def _write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def _generates(self, does: bool) -> None:
        if does != self.is_generating:
            self.is_generating = does
            self.engine.active += 1 if does else -1
            self.engine.most = max(self.engine.most, self.engine.active)


@dataclass
class Tally:
    """What the clients have seen."""

    done: int = 0
    slowest_s: float = 0.0
    failures: list[str] = field(default_factory=list)
    connections: int = 0
    _waiting: list[tuple[int, asyncio.Event]] = field(default_factory=list)

    def count(self, took_s: float) -> None:
        self.done += 1
        self.slowest_s = max(self.slowest_s, took_s)
        for at, event in self._waiting:
            if self.done >= at:
                event.set()

    async def reaches(self, number: int) -> None:
        event = asyncio.Event()
        self._waiting.append((number, event))
        if self.done < number:
            await event.wait()


class BusyClient:
    """Asks until it is told to end."""

    def __init__(
        self,
        port: int,
        tally: Tally,
        seed: int,
        is_wanted: Callable[[], bool],
        secured: ssl.SSLContext | None = None,
    ) -> None:
        self.port = port
        self.secured = secured
        self.tally = tally
        self.dice = random.Random(seed)
        self.is_wanted = is_wanted
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        while self.is_wanted():
            began, step = monotonic(), "connects"
            try:
                if self.writer is None:
                    await self._connect()
                    self.tally.connections += 1
                step = "sends"
                await self._ask(EVENTS if self.dice.random() < 0.5 else 0)
                self.tally.count(monotonic() - began)
            except Exception as exc:
                self.tally.failures.append(f"{type(exc).__name__}: {exc} ({step})")
                self.leave()
            if self.dice.random() < 0.2:
                self.leave()
        self.leave()

    def leave(self) -> None:
        if self.writer is not None:
            self.writer.transport.abort()
            self.reader = self.writer = None

    async def _connect(self) -> None:
        name = "localhost" if self.secured else None
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.secured, server_hostname=name
        )

    async def _ask(self, events: int) -> None:
        assert self.reader is not None and self.writer is not None
        body = b'{"model":"tiny","messages":[{"role":"user","content":"hello"}],"max_tokens":%d,"stream":%s}' % (
            events or EVENTS,
            b"true" if events else b"false",
        )
        self.writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200 "):
            raise RuntimeError(f"{head!r} {await self.reader.read(400)!r}")
        if events:
            await self._stream(events)
        else:
            assert await self.reader.readexactly(_length(head)) == ANSWER
        if b"\r\nconnection: close\r\n" in head:
            self.leave()

    async def _stream(self, events: int) -> None:
        assert self.reader is not None
        text = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            text += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        assert text == EVENT * events + LAST, text


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
