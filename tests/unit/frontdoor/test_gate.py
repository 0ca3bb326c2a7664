"""Waiting for one's turn."""

from __future__ import annotations

import asyncio

import pytest

from frontdoor.gate import Gate
from frontdoor.refusal import Reason, Refused


async def test_one_who_waits_is_woken_when_a_slot_is_free() -> None:
    gate = Gate(1, 1)
    first, second = gate.ask(None), gate.ask(None)
    waiting = asyncio.create_task(gate.turn(second, 30.0, 0.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.release(first)
    await waiting


async def test_one_who_was_admitted_before_he_waited_does_not_wait() -> None:
    gate = Gate(1, 1)
    first, second = gate.ask(None), gate.ask(None)
    gate.release(first)
    await gate.turn(second, -1.0, 31.0)


@pytest.mark.parametrize("timeout_s", [-5.0, 0.0, 0.001])
async def test_one_who_waits_in_vain_is_refused_and_gives_his_place_back(timeout_s) -> None:
    gate = Gate(1, 1)
    gate.ask(None)
    second = gate.ask(None)
    with pytest.raises(Refused) as refused:
        await gate.turn(second, timeout_s, 30.0)
    assert refused.value.refusal.reason is Reason.QUEUE_TIMEOUT
    gate.release(second)
    assert gate.admission.waiting == 0


async def test_a_turn_that_comes_in_the_same_run_of_the_loop_as_the_timeout_counts() -> None:
    gate = Gate(1, 1)
    first, second = gate.ask(None), gate.ask(None)
    waiting = asyncio.create_task(gate.turn(second, 0.0, 30.0))
    await asyncio.sleep(0)  # it waits now, and its timeout is next in the loop
    asyncio.get_running_loop().call_soon(gate.release, first)
    await waiting
    assert gate.admission.active == 1


async def test_a_refusal_of_the_books_is_raised() -> None:
    gate = Gate(1, 0)
    gate.ask(None)
    with pytest.raises(Refused) as refused:
        gate.ask(None)
    assert refused.value.refusal.reason is Reason.AT_CAPACITY
