"""A frontdoor on a free port, an engine whose every byte the test writes itself, and a client that speaks raw HTTP.

A test reads as the conversation: the client sends, the engine (`engine.request()`) gets, answers piece by piece, and
the client reads. Nobody sleeps: each step waits for the one before it.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop
from e2e.frontdoor.playing_engine import PlayingEngine
from e2e.frontdoor.recording_engine import RecordingEngine

from frontdoor.app import Frontdoor
from frontdoor.process.serving import listening
from frontdoor.record.events import EventLog
from frontdoor.watch.slot_watch import Sources

PATIENCE_S = 10.0

MODELS = b'{"object":"list","data":[{"id":"tiny","object":"model","root":"/srv/models/tiny","max_model_len":2048}]}'
EVENT_STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


@dataclass
class EngineRequest:
    """One request as it reached the engine, and the means to answer it."""

    head: bytes
    body: bytes
    writer: asyncio.StreamWriter
    client_gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def line(self) -> str:
        return self.head.partition(b"\r\n")[0].decode()

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def start_stream(self) -> None:
        await self.send(EVENT_STREAM)

    async def send_event(self, data: bytes) -> None:
        await self.send(chunked(data))

    async def end_stream(self) -> None:
        await self.send(chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    async def reply(self, status: int, body: bytes, content_type: str = "application/json", more: bytes = b"") -> None:
        head = b"HTTP/1.1 %d X\r\nContent-Type: %s\r\n" % (status, content_type.encode())
        await self.send(head + more + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def hang_up(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        self.writer.transport.abort()


class ScriptedEngine:
    """Answers `/health` and `/v1/models` by itself; every other request waits for the test to answer it."""

    def __init__(self) -> None:
        self.port = 0
        self.seen: list[EngineRequest] = []
        self.health = 200
        self._arrived: asyncio.Queue[EngineRequest] = asyncio.Queue()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def request(self) -> EngineRequest:
        """The next request that nobody has answered yet."""
        return await asyncio.wait_for(self._arrived.get(), PATIENCE_S)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop_listening(self) -> None:
        """New connections are refused; those that are there stay."""
        assert self._server is not None
        self._server.close()

    async def die(self) -> None:
        """Like kill -9: the listener and every connection are gone."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        current: EngineRequest | None = None
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                current = EngineRequest(head, b"", writer)
                length = int(current.headers.get("content-length", "0"))
                current.body = await reader.readexactly(length)
                await self._take(current)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if current is not None:
                current.client_gone.set()
            self._writers.discard(writer)
            writer.close()

    async def _take(self, request: EngineRequest) -> None:
        if request.line.startswith("GET /health "):
            await request.reply(self.health, b"")
        elif request.line.startswith("GET /v1/models ") and "x-request-id" not in request.headers:
            await request.reply(200, MODELS)
        else:
            self.seen.append(request)
            self._arrived.put_nowait(request)


@dataclass
class Answer:
    """What a client got: the head at once, the rest as the test reads it."""

    status: int
    headers: dict[str, str]
    reader: asyncio.StreamReader

    async def read_some(self, until: bytes) -> bytes:
        """The bytes up to and including `until`."""
        return await asyncio.wait_for(self.reader.readuntil(until), PATIENCE_S)

    async def body(self) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(int(self.headers["content-length"])), PATIENCE_S)

    async def json(self) -> Any:
        return json.loads(await self.body())

    async def rest(self) -> bytes:
        """Everything until the connection ends."""
        return await asyncio.wait_for(self.reader.read(), PATIENCE_S)


class Client:
    """One client connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def post(self, path: str, body: object, more: str = "") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.send(
            f"POST {path} HTTP/1.1\r\nHost: door\r\nContent-Type: application/json\r\n{more}"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )

    async def get(self, path: str, method: str = "GET", more: str = "") -> Answer:
        await self.send(f"{method} {path} HTTP/1.1\r\nHost: door\r\n{more}\r\n".encode())
        return await self.answer()

    async def chat(self, *, stream: bool = True, path: str = "/v1/chat/completions", more: str = "") -> None:
        await self.post(path, {"model": "tiny", "messages": [], "stream": stream}, more)

    async def answer(self) -> Answer:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return Answer(int(status.split()[1]), headers, self.reader)

    def leave(self) -> None:
        self.writer.close()


class Door:
    """A running frontdoor: its address, its insides, its events."""

    def __init__(self, frontdoor: Frontdoor, log: io.BytesIO, stack: AsyncExitStack) -> None:
        self.frontdoor = frontdoor
        self._log = log
        self._stack = stack

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.frontdoor.address[1]}"

    async def client(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.frontdoor.address[1])
        self._stack.callback(writer.close)
        return Client(reader, writer)

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the log tells under this name, with all that has ended by now."""
        self.frontdoor.settle()
        lines = (json.loads(line) for line in self._log.getvalue().splitlines())
        return [line for line in lines if line["event"] == name]

    @property
    def active(self) -> int:
        return self.frontdoor.gate.admission.active

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until something of the frontdoor's inside is so, by letting the event loop run."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110  the inside of the frontdoor tells nobody
                await asyncio.sleep(0.002)

    async def until_open(self) -> None:
        await self.until(lambda: self.frontdoor.watch.closed is None)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the frontdoor runs on: how a client's leaving is noticed depends on it."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedEngine]:
    engine = ScriptedEngine()
    await engine.start()
    yield engine
    await engine.die()


@pytest.fixture
async def recorder() -> AsyncIterator[RecordingEngine]:
    async with RecordingEngine() as engine:
        yield engine


@pytest.fixture
async def playing() -> AsyncIterator[PlayingEngine]:
    async with PlayingEngine() as engine:
        yield engine


@pytest.fixture
async def open_door() -> AsyncIterator[Callable[..., Any]]:
    """`await open_door(max_active_generations="2", ...)`: a frontdoor with these settings, closed with the test."""
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:

        async def start(profile: Any = None, **arguments: str) -> Door:
            log = io.BytesIO()
            sources = Sources({"host": "127.0.0.1", "port": "0"} | arguments, {})
            settings = sources.settings(profile)
            door = await stack.enter_async_context(listening(sources, settings, profile, EventLog(log)))
            return Door(door.frontdoor, log, stack)

        yield start
    # the scripted engine is another process in the story: its connections are not the frontdoor's
    new = asyncio.all_tasks() - before - {asyncio.current_task()}
    leaked = {task for task in new if not task.done() and "ScriptedEngine" not in repr(task.get_coro())}
    assert not leaked, f"stray tasks: {leaked}"


@pytest.fixture
async def door(engine: ScriptedEngine, open_door: Callable[..., Any]) -> Door:
    """A frontdoor with cap 2, alone in front of the scripted engine, that has seen it ready."""
    door = await open_door(backend_url=engine.url, max_active_generations="2")
    await door.until_open()
    return door
