"""The control socket in front of a small door: what is said, what is done, and who may leave without harm."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from frontdoor.admin import control_socket
from frontdoor.admin.commands import MAX_LINE_BYTES, Progress
from frontdoor.admin.control import MAX_CLIENTS, CannotReplace, Control
from frontdoor.admin.control_socket import ControlSocket

PATIENCE_S = 10.0


class SmallDoor:
    """A door with nothing behind it: it remembers what it was told."""

    def __init__(self) -> None:
        self.paused: str | None = None
        self.own_cap: int | None = None
        self.left = Progress(0, 0, 0.0)
        self.problems: list[str] = []
        self.leaving: str | None = None
        self.successor: int | str = 4711

    def pause(self, reason: str) -> None:
        self.paused = reason

    def resume(self) -> None:
        self.paused = None

    def set_cap(self, cap: int | None) -> None:
        self.own_cap = cap

    def progress(self) -> Progress:
        return self.left

    def status(self) -> dict[str, object]:
        return {"paused": self.paused}

    def reload(self) -> Sequence[str]:
        return self.problems

    async def replace(self) -> int:
        if isinstance(self.successor, str):
            raise CannotReplace(self.successor)
        return self.successor


class Admin:
    """One conversation."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, line: bytes) -> None:
        self.writer.write(line)

    async def answer(self) -> dict[str, Any]:
        return json.loads(await asyncio.wait_for(self.reader.readuntil(b"\n"), PATIENCE_S))

    async def ask(self, **command: object) -> dict[str, Any]:
        self.send(json.dumps(command).encode() + b"\n")
        return await self.answer()

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), PATIENCE_S)


@pytest.fixture
def door() -> SmallDoor:
    return SmallDoor()


@pytest.fixture
async def place(tmp_path: Path, door: SmallDoor) -> AsyncIterator[ControlSocket]:
    place = control_socket.create(tmp_path / "control.sock")
    control = Control(door, door)
    await control.accept(place.listener)
    yield place
    await control.close()
    place.remove()
    place.close()


@pytest.fixture
async def connect(place: ControlSocket) -> AsyncIterator[Any]:
    writers = []

    async def connect() -> Admin:
        reader, writer = await asyncio.open_unix_connection(place.path)
        writers.append(writer)
        return Admin(reader, writer)

    yield connect
    for writer in writers:
        writer.close()


@pytest.fixture
async def admin(connect: Any) -> Admin:
    return await connect()


async def run(place: ControlSocket, *words: str) -> tuple[int, str, str]:
    """The command line: exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "frontdoor", *words],
        env=os.environ | {"FRONTDOOR_CONTROL_SOCKET": str(place.path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode(), complained.decode()


async def test_a_conversation(admin: Admin, door: SmallDoor) -> None:
    assert await admin.ask(verb="pause", reason="new model") == {"reply": "done"}
    assert door.paused == "new model"
    assert await admin.ask(verb="status") == {"reply": "done", "status": {"paused": "new model"}}
    assert await admin.ask(verb="resume") == {"reply": "done"}
    assert door.paused is None
    assert await admin.ask(verb="cap", cap=4) == {"reply": "done", "cap": 4}
    assert door.own_cap == 4
    assert await admin.ask(verb="cap", cap=None) == {"reply": "done", "cap": None}
    assert door.own_cap is None
    assert await admin.ask(verb="reload") == {"reply": "done"}
    assert await admin.ask(verb="replace") == {"reply": "done", "pid": 4711}


async def test_what_was_not_done_is_told(admin: Admin, door: SmallDoor) -> None:
    door.problems = ["a.env: bad", "keys: worse"]
    assert await admin.ask(verb="reload") == {"reply": "error", "message": "a.env: bad; keys: worse"}
    door.successor = "not ready within 30 s"
    assert await admin.ask(verb="replace") == {"reply": "error", "message": "not ready within 30 s"}


async def test_who_leaves_changes_nothing_any_more(
    admin: Admin, door: SmallDoor, caplog: pytest.LogCaptureFixture
) -> None:
    door.leaving = "process 4711 serves now"
    with caplog.at_level(logging.INFO, "frontdoor.admin.control"):
        for line in ('"pause"', '"resume"', '"drain"', '"cap","cap":9', '"reload"', '"replace"'):
            admin.send(b'{"verb":%b}\n' % line.encode())
            assert await admin.answer() == {"reply": "error", "message": "process 4711 serves now"}
    assert (door.paused, door.own_cap, caplog.messages) == (None, None, [])
    assert (await admin.ask(verb="status"))["reply"] == "done"


async def test_a_bad_line_costs_nothing_but_an_error(admin: Admin, door: SmallDoor) -> None:
    admin.send(b"status\n")
    assert (await admin.answer())["reply"] == "error"
    assert (await admin.ask(verb="stop"))["reply"] == "error"
    assert (await admin.ask(verb="status"))["reply"] == "done"


async def test_a_line_without_its_end_counts_when_the_client_says_no_more(admin: Admin) -> None:
    admin.send(b'{"verb":"status"}')
    admin.writer.write_eof()
    assert json.loads(await admin.rest())["reply"] == "done"


@pytest.mark.parametrize("length", [MAX_LINE_BYTES, MAX_LINE_BYTES + 1, 50 * MAX_LINE_BYTES])
async def test_a_line_has_a_limit(admin: Admin, length: int) -> None:
    admin.send(b" " * (length - len(b'{"verb":"status"}')) + b'{"verb":"status"}\n')
    answer = await admin.answer()
    if length <= MAX_LINE_BYTES:
        assert answer["reply"] == "done"
    else:
        assert answer == {"reply": "error", "message": "a command has at most 4096 bytes"}
        assert await admin.rest() == b""


async def test_there_is_room_for_some_clients(connect: Any) -> None:
    admins = [await connect() for _ in range(MAX_CLIENTS)]
    for admin in admins:
        assert (await admin.ask(verb="status"))["reply"] == "done"
    late = await connect()
    assert json.loads(await late.rest())["message"] == "16 clients are connected already"
    admins[0].writer.close()
    while (answer := await (await connect()).ask(verb="status"))["reply"] == "error":
        pass  # it has not been noticed yet
    assert answer["reply"] == "done"


async def test_a_drain_pauses_tells_its_progress_and_ends(admin: Admin, door: SmallDoor) -> None:
    door.left = Progress(2, 1, 3.5)
    assert await admin.ask(verb="drain") == {"reply": "progress", "active": 2, "waiting": 1, "oldest_s": 3.5}
    assert door.paused == "draining"
    door.left = Progress(1, 0, 4.0)
    assert await admin.answer() == {"reply": "progress", "active": 1, "waiting": 0, "oldest_s": 4.0}
    door.left = Progress(0, 0, 0.0)
    assert await admin.answer() == {"reply": "done", "active": 0, "waiting": 0, "oldest_s": 0.0}
    assert door.paused == "draining"
    assert (await admin.ask(verb="resume"))["reply"] == "done"


async def test_a_drain_keeps_the_reason_of_the_pause_before_it(admin: Admin, door: SmallDoor) -> None:
    await admin.ask(verb="pause", reason="new model")
    assert (await admin.ask(verb="drain"))["reply"] == "done"
    assert door.paused == "new model"


async def test_a_drain_has_a_deadline_and_stays_paused(admin: Admin, door: SmallDoor) -> None:
    door.left = Progress(1, 0, 9.0)
    assert (await admin.ask(verb="drain", timeout_s=0.01))["reply"] == "progress"
    assert await admin.answer() == {"reply": "timeout", "active": 1, "waiting": 0, "oldest_s": 9.0}
    assert door.paused == "draining"


async def test_a_drain_ends_when_somebody_resumes(admin: Admin, connect: Any, door: SmallDoor) -> None:
    door.left = Progress(1, 0, 9.0)
    assert (await admin.ask(verb="drain"))["reply"] == "progress"
    assert (await (await connect()).ask(verb="resume"))["reply"] == "done"
    assert await admin.answer() == {"reply": "resumed", "active": 1, "waiting": 0, "oldest_s": 9.0}


async def test_the_command_line_says_that_somebody_resumed(place: ControlSocket, connect: Any, door: SmallDoor) -> None:
    door.left = Progress(1, 0, 9.0)
    drain = asyncio.create_task(run(place, "drain"))
    async with asyncio.timeout(PATIENCE_S):
        while door.paused is None:  # noqa: ASYNC110  the command line is another process
            await asyncio.sleep(0.01)
    assert (await (await connect()).ask(verb="resume"))["reply"] == "done"
    code, _, complained = await drain
    assert (code, complained) == (
        75,
        "frontdoor: not drained, somebody has resumed meanwhile: it admits again, 1 active, 0 waiting\n",
    )


async def test_who_leaves_in_the_middle_of_a_drain_changes_nothing(connect: Any, door: SmallDoor) -> None:
    door.left = Progress(1, 0, 0.0)
    first = await connect()
    await first.ask(verb="drain")
    first.writer.transport.abort()
    second = await connect()
    await second.ask(verb="drain")
    assert door.paused == "draining"
    door.left = Progress(0, 0, 0.0)
    assert (await second.answer())["reply"] == "done"


async def test_what_changes_something_is_logged_with_its_sender(admin: Admin, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "frontdoor.admin.control"):
        await admin.ask(verb="status")
        await admin.ask(verb="pause", reason="new model")
    assert caplog.messages == [f'{{"verb":"pause","reason":"new model"}}, by user {os.getuid()}, process {os.getpid()}']


async def test_the_command_line(place: ControlSocket, door: SmallDoor) -> None:
    assert await run(place, "pause", "new model") == (0, "paused\n", "")
    assert door.paused == "new model"
    assert await run(place, "drain", "--timeout", "5") == (0, "drained; paused until `frontdoor resume`\n", "")
    code, said, _ = await run(place, "status", "--json")
    assert (code, json.loads(said)["status"]) == (0, {"paused": "new model"})
    assert await run(place, "resume", "--json") == (0, '{"reply": "done"}\n', "")
    assert await run(place, "cap", "4") == (0, "the cap is 4\n", "")
    assert await run(place, "cap", "profile") == (0, "the cap is the profile's\n", "")
    assert await run(place, "reload") == (0, "reloaded\n", "")
    assert await run(place, "replace") == (0, "process 4711 serves now\n", "")


async def test_the_exit_codes_of_the_command_line(place: ControlSocket, door: SmallDoor, tmp_path: Path) -> None:
    door.left, door.problems = Progress(1, 2, 3.0), ["a.env: bad"]
    code, said, complained = await run(place, "drain", "--timeout", "0.01")
    assert (code, said) == (1, "1 active, 2 waiting, the oldest for 3.0 s\n")
    assert complained == "frontdoor: not drained in time, 1 active, 2 waiting; it stays paused\n"
    assert await run(place, "reload") == (1, "", "frontdoor: a.env: bad\n")
    assert await run(place, "reload", "--json") == (1, '{"reply": "error", "message": "a.env: bad"}\n', "")
    code, _, complained = await run(place, "cap", "0")
    assert (code, complained) == (2, "frontdoor: cap: found 0, expected a whole number from 1, or 'profile'\n")
    code, _, complained = await run(place, "cap", "abc")
    assert (code, complained) == (2, "frontdoor: cap: found 'abc', expected a whole number from 1, or 'profile'\n")
    for word, found in (("-3", "-3.0"), ("nan", "'nan'"), ("inf", "'inf'"), ("soon", "'soon'"), ("1e999", "'1e999'")):
        code, _, complained = await run(place, "drain", "--timeout", word)
        assert (code, complained) == (2, f"frontdoor: timeout_s: found {found}, expected seconds above 0\n")
    assert (await run(place, "cap"))[0] == 2
    code, _, complained = await run(place, "status", "--socket", str(tmp_path / "none"))
    assert (code, "no frontdoor listens there" in complained) == (69, True)
