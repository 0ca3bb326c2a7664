"""One process hands over to the next, step by step: streams stay, connections move, the cap holds over both."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from e2e.frontdoor.service_manager import Service, running

from frontdoor.admin.control import CannotReplace
from frontdoor.http.connection import Connection
from frontdoor.process import hand_over
from frontdoor.process.life import Life
from frontdoor.process.notify import Notifier
from frontdoor.process.serving import OpenDoor, listening
from frontdoor.process.succession import Event, Stage
from frontdoor.record.events import EventLog
from frontdoor.watch.slot_watch import Sources

PATIENCE_S = 10.0
BODY = b'{"model":"tiny","messages":[],"stream":true}'


class Client:
    """A raw connection to the service."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def chat(self) -> bytes:
        """Asks for a stream; the head of the answer."""
        self.writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
        )
        return await self.head()

    async def get(self, path: str) -> tuple[bytes, bytes]:
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await self.head()
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return head, await self.reader.readexactly(length)

    async def head(self) -> bytes:
        return await self.read(b"\r\n\r\n")

    async def read(self, until: bytes) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(until), PATIENCE_S)

    async def end(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), PATIENCE_S)


Connect = Callable[[], Awaitable[Client]]


@pytest.fixture
async def service(engine: Any) -> AsyncIterator[Service]:
    async with running(FRONTDOOR_BACKEND_URL=engine.url, FRONTDOOR_MAX_ACTIVE_GENERATIONS="3") as service:
        yield service


@pytest.fixture
async def connect(service: Service) -> AsyncIterator[Connect]:
    writers = []

    async def connect() -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writers.append(writer)
        return Client(reader, writer)

    yield connect
    for writer in writers:
        writer.transport.abort()


async def stream(connect: Connect, engine: Any) -> tuple[Client, Any]:
    """A stream that has begun: its client, and the engine's side of it."""
    client = await connect()
    asked = asyncio.create_task(client.chat())
    request = await engine.request()
    await request.start_stream()
    await request.send_event(b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n')
    assert (await asked).startswith(b"HTTP/1.1 200 ")
    await client.read(b"\n\n")
    return client, request


async def test_a_stream_goes_on_in_the_old_process(service: Service, engine: Any, connect: Connect) -> None:
    client, request = await stream(connect, engine)
    old = await service.replace()
    other, another = await stream(connect, engine)  # the new one serves beside it
    for text in ("b", "c"):
        await request.send_event(b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % text.encode())
        await client.read(b"\n\n")
    await request.end_stream()
    assert b"data: [DONE]" in await client.read(b"0\r\n\r\n")
    client.writer.close()
    await service.end_of(old)
    await another.end_stream()
    assert b"data: [DONE]" in await other.read(b"0\r\n\r\n")


async def test_an_idle_connection_moves(service: Service, connect: Connect) -> None:
    idle, used = await connect(), await connect()
    assert (await used.get("/health"))[0].startswith(b"HTTP/1.1 200")
    old = await service.replace()
    await service.end_of(old)  # so it is the new one that answers
    for client in (idle, used, idle):
        head, _ = await client.get("/health")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"connection: close" not in head.lower()


async def test_a_connection_moves_when_its_stream_has_ended(service: Service, engine: Any, connect: Connect) -> None:
    client, request = await stream(connect, engine)
    old = await service.replace()
    await request.end_stream()
    await client.read(b"0\r\n\r\n")  # its head had said nothing of an end
    await service.end_of(old)
    assert (await client.get("/health"))[0].startswith(b"HTTP/1.1 200")


async def test_the_cap_holds_over_both(service: Service, engine: Any, connect: Connect) -> None:
    """Cap 3. Whenever a stream of the old process ends, the new one has one place more, and never earlier."""
    old_streams = [await stream(connect, engine) for _ in range(2)]
    old = await service.replace()
    new_streams = [await stream(connect, engine)]
    while old_streams:
        refused = await connect()
        assert (await refused.chat()).startswith(b"HTTP/1.1 503 ")
        client, request = old_streams.pop()
        await request.end_stream()
        await client.read(b"0\r\n\r\n")
        new_streams.append(await stream(connect, engine))
    assert (await (await connect()).chat()).startswith(b"HTTP/1.1 503 ")
    await service.end_of(old)  # nobody has closed a connection: all of them moved
    assert json.loads((await service.admin("status", "--json"))[1])["status"]["frontdoor"]["active_generations"] == 3
    assert len(new_streams) == 3


async def test_what_an_admin_said_goes_over(service: Service, connect: Connect) -> None:
    await service.admin("pause", "new model")
    await service.admin("cap", "2")
    code, said, _ = await service.admin("replace")
    assert (code, said) == (0, f"process {service.main} serves now\n")
    status = json.loads((await service.admin("status", "--json"))[1])["status"]
    assert (status["reason"], status["frontdoor"]["max_active_generations"]) == ("paused", 2)
    assert (await service.admin("resume"))[0] == 0
    assert (await (await connect()).get("/health"))[0].startswith(b"HTTP/1.1 200")


async def test_an_admin_who_stayed_with_the_old_process_cannot_raise_its_cap(
    service: Service, engine: Any, connect: Connect
) -> None:
    client, request = await stream(connect, engine)
    reader, writer = await asyncio.open_unix_connection(service.environment["FRONTDOOR_CONTROL_SOCKET"])
    admin = Client(reader, writer)

    async def ask(**command: object) -> dict[str, Any]:
        writer.write(json.dumps(command).encode() + b"\n")
        return json.loads(await admin.read(b"\n"))

    assert (await ask(verb="cap", cap=3))["reply"] == "done"
    old = await service.replace()
    assert await ask(verb="cap", cap=9) == {
        "reply": "error",
        "message": f"this process is retiring; process {service.main} serves now: connect again",
    }
    told = (await ask(verb="status"))["status"]["frontdoor"]
    assert (told["pid"], told["max_active_generations"]) == (old, 3)
    await request.end_stream()
    await client.read(b"0\r\n\r\n")
    await service.end_of(old)
    writer.close()


async def test_only_two_processes_share_the_cap(service: Service, engine: Any, connect: Connect) -> None:
    client, request = await stream(connect, engine)
    old = await service.replace()
    code, _, complained = await service.admin("replace")
    assert (code, "the process before this one still has 1 of the places" in complained) == (1, True)
    await request.end_stream()
    await client.read(b"0\r\n\r\n")
    client.writer.close()
    await service.end_of(old)
    assert (await service.admin("replace"))[0] == 0


async def test_a_successor_that_cannot_start_changes_nothing(engine: Any, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    write(keys, "infer alice sk-0123456789abcdef\n")
    async with running(FRONTDOOR_BACKEND_URL=engine.url, FRONTDOOR_API_KEYS_FILE=str(keys)) as service:
        before = service.main
        write(keys, "nonsense\n")
        code, _, complained = await service.admin("replace")
        assert (code, complained) == (1, "frontdoor: it ended with exit code 78\n")
        assert (await service.admin("status"))[0] == 0
        write(keys, "infer alice sk-0123456789abcdef\n")
        assert (await service.admin("replace"))[0] == 0
        assert service.main != before
        await service.end_of(before)


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An ear for what this process says to it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "n"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        yield


SPEAKS = """
import os, socket, sys, time
channel = socket.socket(fileno=int(os.environ["B70_FRONTDOOR_PREDECESSOR_FD"]))
channel.recv(4096)
"""
READY = SPEAKS + 'channel.send(b\'{"type":"ready"}\')\n'
PATIENT = "time.sleep(60)\n"


STUCK = [sys.executable, "-c", READY + PATIENT]


@asynccontextmanager
async def living(engine: Any, command: list[str]) -> AsyncIterator[tuple[Life, OpenDoor, Connect]]:
    """A process's life inside this one. `command` starts its successor."""
    sources = Sources({"host": "127.0.0.1", "port": "0", "backend_url": engine.url}, {})
    async with AsyncExitStack() as stack:
        door = await stack.enter_async_context(listening(sources, sources.settings(None), None, EventLog(io.BytesIO())))
        notifier = Notifier("somewhere")
        stack.callback(notifier.close)
        life = Life(door, notifier, None, command)
        stack.push_async_callback(life.close)
        await door.frontdoor.watch.first_look()

        async def connect() -> Client:
            reader, writer = await asyncio.open_connection(*door.listeners.address)
            stack.callback(writer.close)
            return Client(reader, writer)

        yield life, door, connect


async def is_served(client: Client) -> None:
    """And may go on asking."""
    head, _ = await client.get("/health")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"connection: close" not in head.lower()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["/nonexistent/frontdoor"], "cannot start /nonexistent/frontdoor: No such file or directory"),
        ([sys.executable, "-c", "raise SystemExit(3)"], "it ended with exit code 3"),
        ([sys.executable, "-c", SPEAKS + "channel.send(b'hello')\n" + PATIENT], "it hung up"),
        ([sys.executable, "-c", SPEAKS + PATIENT], "not ready within 0.5 s"),
        ([sys.executable, "-c", READY + "channel.recv(4096); raise SystemExit(4)"], "it ended with exit code 4"),
        (STUCK, "not ready within 0.5 s"),
    ],
    ids=["no program", "ends", "speaks nonsense", "says nothing", "ends when it should serve", "does not serve"],
)
async def test_whatever_becomes_of_a_successor_the_old_one_serves_on(
    engine: Any, monkeypatch: pytest.MonkeyPatch, systemd: None, command: list[str], why: str
) -> None:
    monkeypatch.setattr(hand_over, "START_S", 0.5)
    monkeypatch.setattr(hand_over, "HANG_UP_S", 0.2)
    async with living(engine, command) as (life, door, connect):
        (client, request), idle = await stream(connect, engine), await connect()
        with pytest.raises(CannotReplace) as refused:
            await life.replace()
        assert (str(refused.value), life.stage) == (why, Stage.SERVING)
        for each in (idle, await connect()):
            await is_served(each)
        assert door.frontdoor.gate.admission.aside.places == 0
        await request.end_stream()
        assert b"data: [DONE]" in await client.read(b"0\r\n\r\n")


async def yields(life: Life, door: OpenDoor) -> None:
    """A successor has been told that it may serve, and has not answered."""
    replaced = asyncio.ensure_future(life.replace())
    replaced.add_done_callback(lambda done: done.exception())  # the tests below look at what becomes of this process
    async with asyncio.timeout(PATIENCE_S):
        while not door.frontdoor.gate.admission.aside.places:  # noqa: ASYNC110  the inside of a process tells nobody
            await asyncio.sleep(0.002)


async def test_a_connection_that_becomes_idle_as_the_successor_fails_stays_here(engine: Any, systemd: None) -> None:
    async with living(engine, STUCK) as (life, door, connect):
        client, request = await stream(connect, engine)
        await yields(life, door)
        hand_on = door.server.on_idle

        def and_it_fails(connection: Connection) -> None:
            hand_on(connection)
            life._happened(Event.SUCCESSOR_FAILED)

        door.server.on_idle = and_it_fails
        await request.end_stream()
        await client.read(b"0\r\n\r\n")
        await is_served(client)


async def test_a_stop_while_the_successor_is_about_to_serve_still_lingers(engine: Any, systemd: None) -> None:
    async with living(engine, STUCK) as (life, door, connect):
        client, request = await stream(connect, engine)
        await yields(life, door)
        life._happened(Event.STOP_ASKED)
        await request.end_stream()
        await client.read(b"0\r\n\r\n")  # its head had said nothing of an end
        head, _ = await client.get("/health")
        assert b"connection: close" in head.lower()
        assert await client.end() == b""


async def test_a_stop_that_comes_with_the_end_of_the_successor_is_a_stop(
    engine: Any, systemd: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with living(engine, STUCK) as (life, door, connect):
        client, request = await stream(connect, engine)
        await yields(life, door)
        life._happened(Event.SUCCESSOR_FAILED)
        life._happened(Event.STOP_ASKED)
        await request.end_stream()
        await client.read(b"0\r\n\r\n")
        assert await client.end() == b""  # the connection is closed after a moment, not kept for a minute
        assert "accept again: failed" not in caplog.text


async def test_what_was_taken_leaves_nothing_behind(engine: Any, systemd: None) -> None:
    async with living(engine, STUCK) as (_, door, _):
        before = len(door._leaving)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            for _ in range(5):
                with socket.create_connection(listener.getsockname()):
                    door.take(listener.accept()[0])
                    await asyncio.wait(door._leaving, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)
        assert len(door._leaving) == before
