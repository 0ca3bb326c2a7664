"""An engine that plays what a prompt asks for, for tests with more clients than anybody wants to script one by one.

The prompt is a line of `key=number`; what is absent is 0, and without `events` a stream never ends:

    after=0.05 events=20 pause=0.002 bytes=200

    after    seconds before the first byte of the answer        events   how many events
    pause    seconds between two events                          bytes    how much larger than need be each event is

Not streamed, the answer comes at once after all of that time. Each event carries its number, so that a client can see
whether one is missing.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self, cast

from e2e.frontdoor.recording_engine import MODELS, Reached, read

_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_DONE = b"data: [DONE]\n\n"


def prompt(*, stream: bool = True, **script: float) -> dict[str, object]:
    """The body of a completion that asks for this."""
    text = " ".join(f"{key}={number}" for key, number in script.items())
    return {"model": "tiny", "prompt": text, "stream": stream}


def event(number: int, filler_bytes: int = 0) -> bytes:
    text = f"{number} {'x' * filler_bytes}"
    return b"data: %s\n\n" % json.dumps({"choices": [{"index": 0, "text": text}]}, separators=(",", ":")).encode()


def numbers(stream: bytes) -> list[int]:
    """Which events a stream (its chunks taken off or not) has brought, in their order."""
    data = [line.removeprefix(b"data: ") for line in stream.splitlines() if line.startswith(b"data: {")]
    return [int(json.loads(each)["choices"][0]["text"].split()[0]) for each in data]


@dataclass
class PlayingEngine:
    """Runs in `async with`.

    `running`: generations now, `most`: at one time; `begun`, `finished`, and `left` by their client.
    """

    port: int = 0
    running: int = 0
    most: int = 0
    begun: int = 0
    finished: int = 0
    left: int = 0
    connections: set[_Connection] = field(default_factory=set)
    _server: asyncio.Server | None = None

    @property
    def blocked(self) -> int:
        """How many streams cannot go on because nobody takes what they have sent."""
        return sum(connection.is_blocked for connection in self.connections)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        playing = [connection.playing for connection in self.connections if connection.playing is not None]
        for connection in list(self.connections):
            connection.transport.abort()
        await asyncio.gather(*playing, return_exceptions=True)
        await self._server.wait_closed()


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, engine: PlayingEngine) -> None:
        self.engine = engine
        self.data = b""
        self.playing: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def is_blocked(self) -> bool:
        return not self._writable.is_set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.engine.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.engine.connections.discard(self)
        if self.playing is not None:
            self.engine.left += 1
            self.playing.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (found := read(self.data)) is not None:
            request, self.data = found
            assert self.playing is None, "a request came before the last one was answered"
            if request.asked.startswith(b"GET "):
                self._reply(MODELS if request.asked == b"GET /v1/models" else b"{}")
            else:
                self.playing = asyncio.create_task(self._play(request), name="ScriptedEngine plays")

    def _reply(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)

    async def _play(self, request: Reached) -> None:
        engine = self.engine
        asked = json.loads(request.body)
        script = dict(word.split("=") for word in asked["prompt"].split())
        engine.begun += 1
        engine.running += 1
        engine.most = max(engine.most, engine.running)
        try:
            await asyncio.sleep(float(script.get("after", 0)))
            if asked["stream"]:
                await self._stream(script)
            else:
                await asyncio.sleep(float(script.get("pause", 0)) * float(script.get("events", 0)))
                self._reply(json.dumps({"text": "x" * int(script.get("bytes", 0))}).encode())
            engine.finished += 1
            self.playing = None
        finally:
            engine.running -= 1

    async def _stream(self, script: dict[str, str]) -> None:
        pause_s, filler_bytes = float(script.get("pause", 0)), int(script.get("bytes", 0))
        self.transport.write(_STREAM)
        for number in _count(script.get("events")):
            self._write_chunk(event(number, filler_bytes))
            await self._writable.wait()
            await asyncio.sleep(pause_s)
        self._write_chunk(_DONE)
        self.transport.write(b"0\r\n\r\n")

    def _write_chunk(self, data: bytes) -> None:
        self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))


def _count(events: str | None) -> Iterator[int]:
    return itertools.count() if events is None else iter(range(int(events)))
