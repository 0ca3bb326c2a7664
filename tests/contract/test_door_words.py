"""What a switch says to the frontdoor's control socket, and hears of it, is what the frontdoor means.

`slot` imports nothing of the frontdoor, so these words are written twice; here a real control server listens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from frontdoor.admin import commands, control_socket
from frontdoor.admin.commands import Progress
from frontdoor.admin.control import Control
from slot.switch import door
from slot.switch.door import Door, Left, NobodyThere, NotDone, Reply

Said = TypeVar("Said")


class SmallDoor:
    """A frontdoor with nothing behind it. `left`: what a drain will see, one look after the other."""

    def __init__(self) -> None:
        self.paused: str | None = None
        self.own_cap: int | None = None
        self.leaving: str | None = None
        self.left = [Progress(0, 0, 0.0)]

    def pause(self, reason: str) -> None:
        self.paused = reason

    def resume(self) -> None:
        self.paused = None

    def set_cap(self, cap: int | None) -> None:
        self.own_cap = cap

    def progress(self) -> Progress:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]

    def status(self) -> dict[str, object]:
        return {"ok": self.paused is None, "frontdoor": {}}

    def reload(self) -> list[str]:
        return []

    async def replace(self) -> int:
        raise NotImplementedError


@pytest.fixture
def frontdoor() -> SmallDoor:
    return SmallDoor()


@pytest.fixture
async def there(tmp_path: Path, frontdoor: SmallDoor) -> AsyncIterator[Door]:
    place = control_socket.create(tmp_path / "control.sock")
    control = Control(frontdoor, frontdoor)
    await control.accept(place.listener)
    yield Door(tmp_path / "control.sock")
    await control.close()
    place.remove()
    place.close()


async def said(ask: Callable[[], Said]) -> Said:
    """A switch blocks while it asks; the door lives in this loop."""
    return await asyncio.to_thread(ask)


def test_the_words_are_the_same() -> None:
    assert {each.value for each in Reply} == {each.value for each in commands.Reply}
    assert door.MAX_REASON == commands.MAX_REASON


async def test_pause_and_resume(there: Door, frontdoor: SmallDoor) -> None:
    await said(lambda: there.pause("switching to one"))
    assert frontdoor.paused == "switching to one"
    assert (await said(there.status))["ok"] is False
    await said(there.resume)
    assert frontdoor.paused is None


async def test_any_reason_is_fit_to_be_told(there: Door, frontdoor: SmallDoor) -> None:
    await said(lambda: there.pause("two\nlines " + "x" * 300))
    assert frontdoor.paused is not None and len(frontdoor.paused) == commands.MAX_REASON


async def test_a_drain_counts_down(there: Door, frontdoor: SmallDoor) -> None:
    frontdoor.left = [Progress(2, 1, 9.0), Progress(1, 0, 9.1), Progress(0, 0, 0.0)]
    assert await said(lambda: list(there.drain(5.0))) == [
        Left(Reply.PROGRESS, 2, 1, 9.0),
        Left(Reply.PROGRESS, 1, 0, 9.1),
        Left(Reply.DONE, 0, 0, 0.0),
    ]
    assert frontdoor.paused is not None


async def test_a_drain_without_any_time_is_over_at_once(there: Door, frontdoor: SmallDoor) -> None:
    frontdoor.left = [Progress(1, 0, 3.0)]
    *_, last = await said(lambda: list(there.drain(0)))
    assert last == Left(Reply.TIMEOUT, 1, 0, 3.0)


async def test_a_drain_that_somebody_ends_says_so(there: Door, frontdoor: SmallDoor) -> None:
    frontdoor.left = [Progress(1, 0, 3.0)]

    def drain_and_resume() -> list[Left]:
        lines = there.drain(None)
        first = next(lines)
        there.resume()
        return [first, *lines]

    assert (await said(drain_and_resume))[-1].reply is Reply.RESUMED


async def test_what_is_not_done_is_told_in_the_doors_own_words(there: Door, frontdoor: SmallDoor) -> None:
    frontdoor.leaving = "this process hands over"
    with pytest.raises(NotDone, match="hands over"):
        await said(there.resume)


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(NobodyThere, match="no frontdoor listens"):
        Door(tmp_path / "none").status()


async def test_somebody_else_there(tmp_path: Path) -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\n")
        writer.close()

    async with await asyncio.start_unix_server(babble, tmp_path / "sock"):
        with pytest.raises(NobodyThere):
            await said(Door(tmp_path / "sock").status)
