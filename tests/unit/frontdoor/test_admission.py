"""The cap and the line, without a clock or a socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from frontdoor.admission import Admission, ReleasedTwice, Ticket, TicketState, queue_timeout
from frontdoor.refusal import Reason, Refusal
from frontdoor.refusal import unreachable as engine_unreachable

CLOSED = engine_unreachable("http://127.0.0.1:1")


def tickets(admission: Admission, count: int) -> list[Ticket]:
    asked = [admission.ask(None) for _ in range(count)]
    assert all(isinstance(ticket, Ticket) for ticket in asked)
    return asked  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("cap", "max_waiting", "before", "expected"),
    [
        (1, 0, 0, TicketState.ADMITTED),
        (1, 0, 1, Reason.AT_CAPACITY),
        (2, 0, 1, TicketState.ADMITTED),
        (2, 0, 2, Reason.AT_CAPACITY),
        (1, 1, 1, TicketState.WAITING),
        (1, 1, 2, Reason.AT_CAPACITY),
        (1, 2, 2, TicketState.WAITING),
    ],
)
def test_a_request_that_asks(cap, max_waiting, before, expected) -> None:
    admission = Admission(cap, max_waiting)
    tickets(admission, before)
    answer = admission.ask(None)
    assert (answer.reason if isinstance(answer, Refusal) else answer.state) is expected


def test_a_closed_slot_refuses_with_its_own_reason_even_when_it_is_empty() -> None:
    admission = Admission(1, 1)
    assert admission.ask(CLOSED) is CLOSED
    assert admission.active == admission.waiting == 0


def test_a_refusal_at_capacity_says_how_many_there_are() -> None:
    admission = Admission(1, 1)
    tickets(admission, 2)
    refusal = admission.ask(None)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 503
    assert refusal.code == "server_is_overloaded"
    assert "all 1 generation slots are in use and 1 waiting" in refusal.message
    assert refusal.details == {"active_generations": 1, "max_active_generations": 1}


def test_the_line_is_served_first_come_first_served() -> None:
    admission = Admission(1, 3)
    first, second, third, fourth = tickets(admission, 4)
    assert admission.release(first) == [second]
    assert admission.release(third) == []  # left the line
    assert admission.release(second) == [fourth]
    assert (admission.active, admission.waiting) == (1, 0)


def test_nobody_overtakes_the_line() -> None:
    admission = Admission(1, 2)
    _, waiting = tickets(admission, 2)
    assert admission.set_limits(1, 2) == []
    late = admission.ask(None)
    assert isinstance(late, Ticket)
    assert late.state is TicketState.WAITING
    assert admission.set_limits(2, 2) == [waiting]


@pytest.mark.parametrize("was", [TicketState.ADMITTED, TicketState.WAITING])
def test_a_ticket_is_given_back_once(was) -> None:
    admission = Admission(1, 1)
    ticket = next(ticket for ticket in tickets(admission, 2) if ticket.state is was)
    admission.release(ticket)
    with pytest.raises(ReleasedTwice):
        admission.release(ticket)


def test_a_lower_cap_cuts_nobody_off_and_admits_nobody_until_it_is_met() -> None:
    admission = Admission(3, 1)
    first, second, third, waiting = tickets(admission, 4)
    assert admission.set_limits(1, 1) == []
    assert admission.active == 3
    assert admission.release(first) == []
    assert admission.release(second) == []
    assert admission.release(third) == [waiting]


def test_a_higher_cap_admits_at_once() -> None:
    admission = Admission(1, 5)
    _, *line = tickets(admission, 4)
    assert admission.set_limits(3, 5) == line[:2]


def test_a_shorter_line_sends_nobody_away() -> None:
    admission = Admission(1, 2)
    first, second, third = tickets(admission, 3)
    admission.set_limits(1, 0)
    assert admission.waiting == 2
    assert isinstance(admission.ask(None), Refusal)
    assert admission.release(first) == [second]
    assert admission.release(second) == [third]


def test_what_an_operator_sees_of_it() -> None:
    admission = Admission(2, 4)
    tickets(admission, 3)
    assert repr(admission) == "<Admission 2 of 2 active, 1 of 4 waiting>"


def test_a_wait_in_vain_is_told_with_its_length() -> None:
    refusal = queue_timeout(30.04, cap=8)
    assert (refusal.status, refusal.reason) == (503, Reason.QUEUE_TIMEOUT)
    assert "30.0 s in line" in refusal.message


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Asking, releasing and changing the limits, in any order."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.admission = Admission(2, 3)
        self.alive: dict[Ticket, None] = {}
        self.most_active = 0

    @rule(target=held)
    def ask(self):
        before = self.admission.active
        answer = self.admission.ask(None)
        if isinstance(answer, Refusal):
            assert before >= self.admission.cap or self.admission.waiting
            return None
        if answer.state is TicketState.ADMITTED:
            assert self.admission.active <= self.admission.cap
        self.alive[answer] = None
        return answer

    @rule(ticket=consumes(held))
    def release(self, ticket) -> None:
        if ticket is not None:
            del self.alive[ticket]
            self.check_admitted(self.admission.release(ticket))

    @rule(cap=st.integers(1, 5), max_waiting=st.integers(0, 5))
    def change_limits(self, cap, max_waiting) -> None:
        self.check_admitted(self.admission.set_limits(cap, max_waiting))

    def check_admitted(self, admitted) -> None:
        assert all(ticket.state is TicketState.ADMITTED for ticket in admitted)
        if admitted:
            assert self.admission.active <= self.admission.cap
        in_order = [ticket for ticket in self.alive if ticket in admitted]
        assert in_order == admitted

    @invariant()
    def the_books_agree_with_the_tickets(self) -> None:
        states = [ticket.state for ticket in self.alive]
        assert states.count(TicketState.ADMITTED) == self.admission.active
        assert states.count(TicketState.WAITING) == self.admission.waiting
        assert TicketState.GONE not in states

    @invariant()
    def nobody_waits_beside_a_free_slot(self) -> None:
        assert not self.admission.waiting or self.admission.active >= self.admission.cap


TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase


@given(cap=st.integers(1, 4), steps=st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=60))
def test_active_never_exceeds_a_constant_cap(cap, steps) -> None:
    admission = Admission(cap, 2)
    held: list[Ticket] = []
    for step in steps:  # None: somebody asks; a number: one of those who hold a ticket gives it back
        if step is None:
            answer = admission.ask(None)
            held += [answer] if isinstance(answer, Ticket) else []
        elif held:
            admission.release(held.pop(step % len(held)))
        assert admission.active <= cap
    for ticket in held:
        admission.release(ticket)
    assert (admission.active, admission.waiting) == (0, 0)
