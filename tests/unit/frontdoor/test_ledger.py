"""What has ended is written down soon, in order, once, and by everybody who shows it before he does."""

from __future__ import annotations

import asyncio

import pytest
from calls import call

from frontdoor.record import ledger
from frontdoor.record.call import Call
from frontdoor.record.ledger import Ledger


class Written:
    def __init__(self) -> None:
        self.lines: list[tuple[Call, str]] = []
        self.came = asyncio.Event()

    def __call__(self, ended: Call, profile: str) -> None:
        self.lines.append((ended, profile))
        self.came.set()


async def test_what_has_ended_is_written_down_without_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "LATE_S", 0.001)
    written = Written()
    kept = Ledger(written)
    for profile in ("a", "b"):  # a second batch sets a timer of its own
        one, other = call(), call()
        kept.add(one, profile)
        kept.add(other, profile)
        assert written.lines[-2:] != [(one, profile), (other, profile)]
        written.came.clear()
        async with asyncio.timeout(5):
            await written.came.wait()
        assert written.lines[-2:] == [(one, profile), (other, profile)]


async def test_who_shows_it_sees_all_of_it() -> None:
    written = Written()
    kept = Ledger(written)
    ended = call()
    kept.add(ended, "a")
    assert written.lines == []
    kept.settle()
    kept.settle()
    assert written.lines == [(ended, "a")]


async def test_many_do_not_wait_for_the_timer() -> None:
    written = Written()
    kept = Ledger(written)
    for _ in range(ledger.MOST + 1):
        kept.add(call(), "a")
    assert len(written.lines) == ledger.MOST
    kept.settle()
    assert len(written.lines) == ledger.MOST + 1


async def test_one_that_cannot_be_written_down_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    written: list[Call] = []

    def write(ended: Call, profile: str) -> None:
        if ended.request_id == "bad":
            raise ValueError("no")
        written.append(ended)

    kept = Ledger(write)
    first, bad, last = call(), call(request_id="bad"), call()
    for each in (first, bad, last):
        kept.add(each, "a")
    kept.settle()
    assert written == [first, last]
    assert [record.message for record in caplog.records] == ["bad: cannot be written down"]
