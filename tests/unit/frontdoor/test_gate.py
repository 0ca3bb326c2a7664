"""Waiting for one's turn."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.admission.admission import Limits, Ticket, TicketState
from frontdoor.admission.gate import Gate
from frontdoor.refusal import Reason, Refused


def ask(gate: Gate, client: str = "a") -> Ticket:
    return gate.ask(client, None, 1.0)


async def test_one_who_waits_is_woken_when_a_slot_is_free() -> None:
    gate = Gate(Limits(1, 1))
    first, second = ask(gate), ask(gate)
    waiting = asyncio.create_task(gate.turn(second, 30.0, 0.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.release(first)
    await waiting


async def test_one_who_was_admitted_before_he_waited_does_not_wait() -> None:
    gate = Gate(Limits(1, 1))
    first, second = ask(gate), ask(gate)
    gate.release(first)
    await gate.turn(second, -1.0, 31.0)


@pytest.mark.parametrize("timeout_s", [-5.0, 0.0, 0.001])
async def test_one_who_waits_in_vain_is_refused_and_gives_his_place_back(timeout_s) -> None:
    gate = Gate(Limits(1, 1))
    ask(gate)
    second = ask(gate)
    with pytest.raises(Refused) as refused:
        await gate.turn(second, timeout_s, 30.0, next_free=lambda: 12.0)
    assert refused.value.refusal.reason is Reason.QUEUE_TIMEOUT
    assert refused.value.refusal.retry_after_s == 12.0
    gate.release(second)
    assert gate.admission.waiting == 0


async def test_a_turn_that_comes_in_the_same_run_of_the_loop_as_the_timeout_counts() -> None:
    gate = Gate(Limits(1, 1))
    first, second = ask(gate), ask(gate)
    waiting = asyncio.create_task(gate.turn(second, 0.0, 30.0))
    await asyncio.sleep(0)  # it waits now, and its timeout is next in the loop
    asyncio.get_running_loop().call_soon(gate.release, first)
    await waiting
    assert gate.admission.active == 1


async def test_a_refusal_of_the_books_is_raised() -> None:
    gate = Gate(Limits(1))
    ask(gate)
    with pytest.raises(Refused) as refused:
        ask(gate)
    assert refused.value.refusal.reason is Reason.AT_CAPACITY


async def test_one_whose_body_asks_for_more_than_is_free_waits_for_it() -> None:
    gate = Gate(Limits(2, 1))
    first, heavy = ask(gate), ask(gate)
    gate.weigh(heavy, 2, 0, 1.0)
    waiting = asyncio.create_task(gate.turn(heavy, 30.0, 0.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.release(first)
    await waiting
    assert gate.admission.active == 2


async def test_one_whose_body_asks_for_too_much_is_refused_and_still_gives_his_place_back() -> None:
    gate = Gate(Limits(2))
    ticket = ask(gate)
    with pytest.raises(Refused) as refused:
        gate.weigh(ticket, 3, 0, 1.0, param="best_of")
    assert refused.value.refusal.param == "best_of"
    gate.release(ticket)
    assert gate.admission.active == 0


async def test_one_who_goes_back_to_the_line_lets_others_in_whose_turn_it_is() -> None:
    gate = Gate(Limits(4, 9, fair_share=True))
    hogs = [ask(gate, "hog") for _ in range(4)]
    new = [ask(gate, "new") for _ in range(2)]
    turns = [asyncio.create_task(gate.turn(ticket, 30.0, 0.0)) for ticket in new]
    await asyncio.sleep(0)
    gate.weigh(hogs[3], 3, 0, 1.0)
    await turns[0]
    assert [ticket.state for ticket in new] == [TicketState.ADMITTED, TicketState.WAITING]
    turns[1].cancel()


async def test_a_newcomer_is_let_past_one_whose_turn_it_no_longer_is() -> None:
    gate = Gate(Limits(8, 9, fair_share=True))
    hogs = [ask(gate, "hog") for _ in range(7)]
    gate.weigh(hogs[6], 4, 0, 1.0)
    assert ask(gate, "new").state is TicketState.ADMITTED


@pytest.mark.parametrize("waits", [True, False])
async def test_one_in_line_for_more_than_the_server_has_become_is_told_so(waits) -> None:
    gate = Gate(Limits(4, 9))
    ask(gate)
    heavy = ask(gate)
    gate.weigh(heavy, 4, 0, 1.0)
    if waits:
        turn = asyncio.create_task(gate.turn(heavy, 30.0, 0.0))
        await asyncio.sleep(0)
        gate.set_limits(Limits(2, 9))
    else:
        gate.set_limits(Limits(2, 9))
        turn = asyncio.create_task(gate.turn(heavy, 30.0, 0.0))
    with pytest.raises(Refused) as refused:
        await turn
    assert refused.value.refusal.message == "asks for 4 generations, this server runs at most 2"
    gate.release(heavy)
    assert gate.admission.waiting == 0


async def test_limits_that_let_nobody_in_wake_nobody() -> None:
    gate = Gate(Limits(1, 9))
    ask(gate)
    waiting = asyncio.create_task(gate.turn(ask(gate), 30.0, 0.0))
    await asyncio.sleep(0)
    gate.set_limits(Limits(1, 5))
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.set_limits(Limits(2, 5))
    await waiting


async def test_what_another_process_gives_up_wakes_who_waits_for_it() -> None:
    gate = Gate(Limits(2, 9))
    gate.set_aside(2, 0)
    waiting = asyncio.create_task(gate.turn(ask(gate), 30.0, 0.0))
    await asyncio.sleep(0)
    gate.set_aside(1, 0)
    await waiting


def test_somebody_may_look_at_what_is_left_after_each_release() -> None:
    gate = Gate(Limits(2))
    seen: list[int] = []
    gate.on_release = lambda: seen.append(gate.admission.active)
    for ticket in (ask(gate), ask(gate)):
        gate.release(ticket)
    assert seen == [1, 0]


@pytest.mark.parametrize("is_let_in", [True, False])
async def test_a_turn_that_is_cancelled_leaves_no_trace(is_let_in) -> None:
    gate = Gate(Limits(1, 1))
    first, second = ask(gate), ask(gate)
    waiting = asyncio.create_task(gate.turn(second, 30.0, 0.0))
    await asyncio.sleep(0)
    if is_let_in:
        gate.release(first)  # its turn comes in the same run of the loop as its client leaves
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    gate.release(second)
    if not is_let_in:
        gate.release(first)
    assert (gate.admission.active, gate.admission.waiting) == (0, 0)
    assert not gate._turns


class Traffic:
    """Requests as `relay` makes them: one task each, which gives its ticket back on every path."""

    def __init__(self) -> None:
        self.gate = Gate(Limits(3, 4, fair_share=True))
        self.requests: list[asyncio.Task[None]] = []
        self.running: dict[asyncio.Task[None], asyncio.Event] = {}
        self.weight = 0  # of those whose engine works

    async def request(self, client: str, weight: int, tokens: int) -> None:
        try:
            ticket = self.gate.ask(client, None, 1.0)
        except Refused:
            return
        task = asyncio.current_task()
        assert task is not None
        try:
            await asyncio.sleep(0)  # its body arrives
            self.gate.weigh(ticket, weight, tokens, 1.0)
            await self.gate.turn(ticket, 30.0, 0.0)
            assert (ticket.state, ticket.weight, ticket.tokens) == (TicketState.ADMITTED, weight, tokens)
            self.weight += weight
            ended = self.running[task] = asyncio.Event()
            try:
                await ended.wait()
            finally:
                del self.running[task]
                self.weight -= weight
        except Refused:
            pass
        finally:
            self.gate.release(ticket)

    def step(self, step: tuple[object, ...]) -> None:
        match step:
            case ("ask", str(client), int(weight), int(tokens)):
                self.requests.append(asyncio.create_task(self.request(client, weight, tokens)))
            case ("end", int(which)) if self.running:
                list(self.running.values())[which % len(self.running)].set()
            case ("leave", int(which)) if self.requests:
                self.requests[which % len(self.requests)].cancel()
            case ("limits", Limits() as limits):
                self.gate.set_limits(limits)

    async def all_end(self) -> None:
        while open_ := [task for task in self.requests if not task.done()]:
            for ended in self.running.values():
                ended.set()
            await asyncio.wait(open_, timeout=0)
        await asyncio.gather(*(task for task in self.requests if not task.cancelled()))


some_steps = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from("abc"), st.integers(1, 5), st.integers(0, 60)),
    st.tuples(st.just("end"), st.integers(0, 9)),
    st.tuples(st.just("leave"), st.integers(0, 40)),
    st.tuples(
        st.just("limits"),
        st.builds(
            Limits,
            cap=st.integers(1, 5),
            max_waiting=st.sampled_from((0, 2, 9)),
            per_client=st.sampled_from((None, 2)),
            fair_share=st.booleans(),
            kv_tokens=st.sampled_from((None, 100)),
        ),
    ),
    st.tuples(st.just("run")),
)


@given(st.lists(some_steps, max_size=60))
def test_every_ticket_is_given_back_once_whatever_happens(steps) -> None:
    async def play() -> None:
        traffic = Traffic()
        admission = traffic.gate.admission
        cap_since_its_last_change = 3
        for step in steps:
            before = admission.active
            traffic.step(step)
            if step[0] == "limits":
                cap_since_its_last_change = step[1].cap
            await asyncio.sleep(0)
            assert admission.active <= max(cap_since_its_last_change, before)
            assert traffic.weight <= admission.active
        await traffic.all_end()
        assert (admission.active, admission.active_tokens, admission.waiting) == (0, 0, 0)
        assert admission.clients() == []
        assert not traffic.gate._turns

    asyncio.run(play())
