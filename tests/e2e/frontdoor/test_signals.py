"""What a process does when it is told: stop, read again, and what systemd hears of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from e2e.frontdoor.service_manager import Service, running
from processes import free_port

PATIENCE_S = 10.0
KEYS = "infer alice sk-0123456789abcdef\n"
PROFILE = (
    "MODEL_SLOT_NAME=x\nMODEL_SLOT_STATUS=test\nMODEL_SLOT_MODALITIES=text\nMODEL_SLOT_TITLE=X\nMODEL_SLOT_HF_ID=a/b\n"
    "MODEL_SLOT_ENGINE=simulator\nSERVE_MAX_NUM_SEQS=4\nFRONTDOOR_MAX_ACTIVE_GENERATIONS={cap}\n"
    "SERVE_PORT={port}\nFRONTDOOR_LOG_EVENTS=false\n"
)


def write(path: Path, text: str) -> None:
    path.write_text(text)


class Connection:
    """A keep-alive connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def get(self, path: str, more: str = "") -> bytes:
        """The head and the body of the answer."""
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
        return await self.answer()

    async def answer(self) -> bytes:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return head + await self.reader.readexactly(length)

    async def end(self) -> bytes:
        """What comes until the connection ends."""
        return await asyncio.wait_for(self.reader.read(), PATIENCE_S)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(KEYS)
    path.chmod(0o600)
    return path


@pytest.fixture
def profile(tmp_path: Path, engine: Any) -> Path:
    path = tmp_path / "current.env"
    write(path, PROFILE.format(cap=3, port=engine.port))
    return path


@pytest.fixture
async def service(engine: Any, keys: Path, profile: Path) -> AsyncIterator[Service]:
    environment = {"FRONTDOOR_API_KEYS_FILE": str(keys), "FRONTDOOR_ACTIVE_PROFILE": str(profile)}
    async with running(**environment) as service:
        yield service


@pytest.fixture
async def connect(service: Service) -> AsyncIterator[Callable[[], Awaitable[Connection]]]:
    connections = []

    async def connect() -> Connection:
        connections.append(Connection(*await asyncio.open_connection("127.0.0.1", service.port)))
        return connections[-1]

    yield connect
    for each in connections:
        each.writer.close()
        with contextlib.suppress(ConnectionError):
            await each.writer.wait_closed()


@pytest.fixture
async def client(connect: Callable[[], Awaitable[Connection]]) -> Connection:
    return await connect()


def words_of(service: Service, pid: int) -> list[str]:
    """The names of all that a process has said, but for its heartbeat and its status."""
    said = [each.words for each in service.said if each.pid == pid]
    return [name for words in said for name in words if name not in ("WATCHDOG", "STATUS")]


async def status_of(client: Connection, key: str = "sk-0123456789abcdef") -> bytes:
    return (await client.get("/status", f"Authorization: Bearer {key}\r\n")).partition(b" ")[2][:3]


async def test_systemd_hears_of_a_life(service: Service) -> None:
    pid = service.main
    await service.until(lambda: service.has_said("WATCHDOG", "1"), "a heartbeat")
    await service.until(lambda: service.has_said("STATUS", "serving, 0 of 3 active, 0 waiting"), "a status")
    os.kill(pid, signal.SIGHUP)
    await service.until(lambda: words_of(service, pid).count("READY") == 2, "the reload")
    await service.stop()
    assert words_of(service, pid) == [
        "READY",
        "RELOADING",
        "MONOTONIC_USEC",
        "READY",
        "STOPPING",
        "EXTEND_TIMEOUT_USEC",
    ]


async def test_a_reload_reads_the_keys_again(service: Service, client: Connection, keys: Path) -> None:
    assert await status_of(client, "sk-fedcba9876543210") == b"401"
    write(keys, KEYS + "infer bob sk-fedcba9876543210\n")
    assert await status_of(client, "sk-fedcba9876543210") == b"401"
    assert await service.admin("reload") == (0, "reloaded\n", "")
    assert await status_of(client, "sk-fedcba9876543210") == b"200"


async def test_what_cannot_be_read_again_stays_as_it_was(
    service: Service, client: Connection, keys: Path, profile: Path
) -> None:
    write(keys, "nonsense\n")
    write(profile, "NONSENSE=1\n")
    code, _, complained = await service.admin("reload")
    assert (code, "NONSENSE" in complained, str(keys) in complained) == (1, True, True)
    assert await status_of(client) == b"200"
    assert b'"max_active_generations":3' in await client.get("/status", "Authorization: Bearer sk-0123456789abcdef\r\n")
    os.kill(service.main, signal.SIGHUP)
    await service.until(lambda: words_of(service, service.main).count("READY") == 3, "the reload")
    assert await status_of(client) == b"200"
    assert "not reloaded, what was there stays" in service.log


async def test_a_live_cap_holds_until_the_profile_changes(service: Service, profile: Path, engine: Any) -> None:
    async def cap() -> str:
        _, said, _ = await service.admin("status", "--json")
        return said.partition('"max_active_generations": ')[2].partition(",")[0]

    assert await service.admin("cap", "1") == (0, "the cap is 1\n", "")
    assert await cap() == "1"
    assert await service.admin("reload") == (0, "reloaded\n", "")
    assert await cap() == "1"
    write(profile, PROFILE.format(cap=2, port=engine.port))
    assert await service.admin("reload") == (0, "reloaded\n", "")
    assert await cap() == "2"


async def test_a_request_that_comes_just_after_the_stop_is_answered(
    service: Service, client: Connection, connect: Any
) -> None:
    fresh = await connect()
    assert await status_of(client) == b"200"
    os.kill(service.main, signal.SIGTERM)
    await service.until(lambda: service.has_said("STOPPING", "1"), "STOPPING=1")
    assert b"\r\nconnection: close\r\n" in (await client.get("/health")).lower()
    assert b"\r\nconnection: close\r\n" in (await fresh.get("/health")).lower()
    assert await client.end() == await fresh.end() == b""
    await service.end_of(service.main)


async def test_idle_connections_do_not_keep_it_alive(service: Service, client: Connection) -> None:
    assert await status_of(client) == b"200"
    await service.stop()
    assert await client.end() == b""


async def test_who_comes_while_nobody_serves_waits_for_the_next(service: Service, connect: Any) -> None:
    await service.stop()
    client = await connect()
    client.writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    await service.start()
    assert (await client.end()).startswith(b"HTTP/1.1 200")


async def test_without_a_service_manager_it_is_not_replaced(engine: Any, tmp_path: Path) -> None:
    async with running(FRONTDOOR_BACKEND_URL=engine.url) as service:
        service.environment.pop("NOTIFY_SOCKET")
        await service.stop()
        await service.launch()
        await service.until_log("frontdoor_start", 2)
        pid = service.main
        code, _, complained = await service.admin("replace")
        assert (code, "no systemd (Type=notify)" in complained) == (1, True)
        os.kill(pid, signal.SIGUSR2)
        await service.until_log("not replaced: there is no systemd")
        assert (await service.admin("status"))[0] == 0


SERVE = """
import os, sys
from frontdoor.__main__ import main
os.environ["LISTEN_PID"] = str(os.getpid())
sys.exit(main(["--port", "0"]))
"""


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"LISTEN_FDS": "0"}, "LISTEN_FDS: found '0', expected a number from 1 to 64"),
        ({"LISTEN_FDS": "2", "LISTEN_FDNAMES": "http"}, "LISTEN_FDNAMES: found 1 names, expected 2"),
        ({"LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"}, "LISTEN_FDS: fd 3 (http): "),
        ({"WATCHDOG_USEC": "soon"}, "WATCHDOG_USEC: found 'soon'"),
    ],
)
async def test_what_systemd_cannot_have_meant_is_a_bad_setting(variables: dict[str, str], complaint: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", SERVE], env=os.environ | variables, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert (process.returncode, complaint in said.decode()) == (78, True), said


async def test_a_control_socket_that_is_in_use_is_named(service: Service) -> None:
    path = service.environment["FRONTDOOR_CONTROL_SOCKET"]
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "frontdoor", "--port", "0"],
        env=os.environ | {"FRONTDOOR_CONTROL_SOCKET": path},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 73
    assert said.decode() == (
        f"frontdoor: FRONTDOOR_CONTROL_SOCKET: cannot create {path}: another frontdoor listens there; "
        "name another path that this user may create, or leave it empty for no control socket\n"
    )


@pytest.mark.systemd
async def test_systemds_own_hand_passes_the_socket(engine: Any, require: Callable[[object, str], None]) -> None:
    require(shutil.which("systemd-socket-activate"), "systemd-socket-activate is not installed")
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *["systemd-socket-activate", "--listen", f"127.0.0.1:{port}", "--fdname", "http"],
        *["--setenv", f"FRONTDOOR_BACKEND_URL={engine.url}", sys.executable, "-m", "frontdoor"],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await process.stderr.readuntil(b"Listening on")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)  # this starts it
        client = Connection(reader, writer)
        assert (await client.get("/health")).startswith(b"HTTP/1.1 200")
        assert json.loads(await process.stdout.readline())["port"] == port
        writer.close()
    finally:
        process.terminate()
        await process.communicate()
    assert process.returncode == 0
