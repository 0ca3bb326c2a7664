"""The cap, the line and the shares, without a clock or a socket."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from frontdoor.admission.admission import Admission, Limits, ReleasedTwice, Ticket, TicketState
from frontdoor.admission.fair_share import Room, share
from frontdoor.refusal import Reason, Refusal
from frontdoor.refusal import unreachable as engine_unreachable

ADMITTED, WAITING, GONE = TicketState.ADMITTED, TicketState.WAITING, TicketState.GONE

CLOSED = engine_unreachable("http://127.0.0.1:1")
NEXT_FREE_S = 3.0

_names = count()


def ask(admission: Admission, client: str | None = None, now: float = 0.0) -> Ticket | Refusal:
    """Asks for a client of its own unless told otherwise."""
    return admission.ask(client or f"client {next(_names)}", None, NEXT_FREE_S, now)


def tickets(admission: Admission, number: int, client: str | None = None, now: float = 0.0) -> list[Ticket]:
    asked = [ask(admission, client, now) for _ in range(number)]
    assert all(isinstance(ticket, Ticket) for ticket in asked)
    return asked  # type: ignore[return-value]


def weigh(admission: Admission, ticket: Ticket, weight: int = 1, tokens: int = 0, now: float = 0.0) -> Refusal | None:
    return admission.weigh(ticket, weight, tokens, NEXT_FREE_S, now)


def refused(answer: Ticket | Refusal | None) -> Refusal:
    assert isinstance(answer, Refusal)
    return answer


# on the head alone


@pytest.mark.parametrize(
    ("cap", "max_waiting", "before", "expected"),
    [
        (1, 0, 0, ADMITTED),
        (1, 0, 1, Reason.AT_CAPACITY),
        (2, 0, 1, ADMITTED),
        (2, 0, 2, Reason.AT_CAPACITY),
        (1, 1, 1, WAITING),
        (1, 1, 2, Reason.AT_CAPACITY),
        (1, 2, 2, WAITING),
    ],
)
def test_a_request_that_asks(cap, max_waiting, before, expected) -> None:
    admission = Admission(Limits(cap, max_waiting))
    tickets(admission, before)
    answer = ask(admission)
    assert (answer.reason if isinstance(answer, Refusal) else answer.state) is expected


def test_a_closed_slot_refuses_with_its_own_reason_even_when_it_is_empty() -> None:
    admission = Admission(Limits(1, 1))
    assert admission.ask("a", CLOSED, NEXT_FREE_S, 0.0) is CLOSED
    assert admission.active == admission.waiting == 0


def test_a_refusal_at_capacity_says_how_many_there_are_and_when_one_is_free() -> None:
    admission = Admission(Limits(1, 1))
    tickets(admission, 2)
    refusal = refused(ask(admission))
    assert (refusal.status, refusal.code, refusal.retry_after_s) == (503, "server_is_overloaded", 3.0)
    assert refusal.message == (
        "the only generation slot is in use and 1 request waits; it is expected to be free in about 3 s"
    )
    assert refusal.details == {"active_generations": 1, "max_active_generations": 1}


@pytest.mark.parametrize("status", [429, 529])
def test_the_status_of_a_full_house_is_a_setting(status) -> None:
    admission = Admission(Limits(1, busy_status=status))
    tickets(admission, 1)
    assert refused(ask(admission)).status == status
    assert admission.queue_timeout(1.0, NEXT_FREE_S).status == status


def test_another_kind_of_work_is_called_by_its_name() -> None:
    admission = Admission(Limits(2), what="pooling request")
    tickets(admission, 2)
    assert "all 2 pooling request slots are in use" in refused(ask(admission)).message


def test_no_body_is_read_for_a_request_that_finds_the_cache_full() -> None:
    admission = Admission(Limits(9, kv_tokens=100))
    (ticket,) = tickets(admission, 1)
    assert weigh(admission, ticket, 1, 99) is None
    (one_more,) = tickets(admission, 1)
    assert weigh(admission, one_more, 1, 1) is None
    assert "KV cache is full with 2 generations" in refused(ask(admission)).message


@pytest.mark.parametrize(("per_client", "before", "expected"), [(1, 1, True), (2, 1, False), (2, 2, True)])
@pytest.mark.parametrize("cap", [1, 9])
def test_one_client_may_have_so_many(per_client, before, expected, cap) -> None:
    admission = Admission(Limits(cap, 9, per_client=per_client))
    tickets(admission, before, "a")
    answer = ask(admission, "a")
    assert isinstance(answer, Refusal) is expected
    if expected:
        refusal = refused(answer)
        assert (refusal.status, refusal.reason) == (429, Reason.CLIENT_SHARE)
        assert refusal.headers()["Retry-After"] == "3"
    assert isinstance(ask(admission, "b"), Ticket)


# with the body


@pytest.mark.parametrize(
    ("limits", "weight", "tokens", "expected"),
    [
        (Limits(8), 8, 0, None),
        (Limits(8), 9, 0, "asks for 9 generations, this server runs at most 8"),
        (Limits(8, per_client=2), 2, 0, None),
        (Limits(8, per_client=2), 3, 0, "asks for 3 generations, one client may have at most 2"),
        (Limits(8, kv_tokens=100), 1, 100, None),
        (Limits(8, kv_tokens=100), 1, 101, "this request may need 101 tokens"),
        (Limits(8), 1, 10**12, None),
    ],
)
@pytest.mark.parametrize("is_full", [True, False])
def test_what_can_never_run_is_told_so(limits, weight, tokens, expected, is_full) -> None:
    admission = Admission(replace(limits, max_waiting=9))
    if is_full:
        tickets(admission, 8)
    (ticket,) = tickets(admission, 1, "a")
    before = (ticket.state, admission.active, admission.waiting)
    refusal = admission.weigh(ticket, weight, tokens, NEXT_FREE_S, 0.0, "best_of")
    if expected is None:
        assert refusal is None
    else:
        assert expected in refused(refusal).message
        assert refused(refusal).param == ("best_of" if tokens == 0 else None)
        assert refused(refusal).status == 400
        assert (ticket.state, admission.active, admission.waiting) == before


@pytest.mark.parametrize(
    ("others", "weight", "tokens", "expected"),
    [
        (7, 1, 0, None),
        (7, 2, 0, "asks for 2 generations, and 7 of 8 generation slots are in use"),
        (6, 2, 0, None),
        (5, 1, 500, None),
        (5, 1, 501, "may need 501 tokens of the engine's KV cache, and 500 are free"),
    ],
)
def test_without_a_line_what_does_not_fit_is_refused_and_costs_what_it_did(others, weight, tokens, expected) -> None:
    admission = Admission(Limits(8, kv_tokens=1000))
    for ticket in tickets(admission, others):
        weigh(admission, ticket, 1, 500 // others)
    (ticket,) = tickets(admission, 1)
    before = admission.active_tokens
    refusal = weigh(admission, ticket, weight, tokens)
    if expected is None:
        assert refusal is None
        assert (admission.active, admission.active_tokens) == (others + weight, before + tokens)
        return
    assert refused(refusal).reason is Reason.AT_CAPACITY
    assert expected in refused(refusal).message
    assert (ticket.state, admission.active, admission.active_tokens) == (ADMITTED, others + 1, before)
    admission.release(ticket)
    assert (admission.active, admission.active_tokens) == (others, before)


def test_with_a_line_what_does_not_fit_goes_back_to_its_head() -> None:
    admission = Admission(Limits(4, 2))
    first, second, third, fourth, fifth = tickets(admission, 5)
    assert weigh(admission, second, 2) is None
    assert (second.state, admission.line, admission.active) == (WAITING, (second, fifth), 3)
    assert weigh(admission, first, 3) is None  # it came before the second one
    assert (first.state, admission.line, admission.active) == (WAITING, (first, second, fifth), 2)
    assert admission.advance() == []
    assert admission.release(third) == [first]
    assert admission.release(fourth) == []  # one place is not enough for the second, and nobody overtakes it
    assert admission.release(first) == [second, fifth]


def test_who_came_first_takes_more_at_once_where_there_is_more() -> None:
    admission = Admission(Limits(4, 2))
    first, second, *_ = tickets(admission, 4)
    weigh(admission, second, 3)
    assert weigh(admission, first, 2) is None
    assert (first.state, admission.line, admission.active) == (ADMITTED, (second,), 4)


def test_a_cost_may_turn_out_lower() -> None:
    admission = Admission(Limits(2, 2))
    (first,) = tickets(admission, 1)
    weigh(admission, first, 2, 900)
    (waiting,) = tickets(admission, 1)
    assert weigh(admission, first, 1, 500) is None
    assert (admission.active, admission.active_tokens) == (1, 500)
    assert admission.advance() == [waiting]


def test_who_costs_more_does_not_overtake_who_came_first() -> None:
    admission = Admission(Limits(4, 9))
    heavy, late, *rest = tickets(admission, 4)
    weigh(admission, heavy, 3)
    admission.release(rest[0])  # two places are free, the heavy one needs three
    assert weigh(admission, late, 2) is None  # and would fit, if it were its turn
    assert (late.state, admission.line) == (WAITING, (heavy, late))
    assert admission.advance() == [heavy]
    assert admission.release(rest[1]) == []
    assert admission.release(heavy) == [late]


def test_what_is_weighed_in_line_keeps_its_place() -> None:
    admission = Admission(Limits(2, 9))
    first, second, third, fourth = tickets(admission, 4)
    assert weigh(admission, third, 2, 700) is None
    assert admission.release(first) == []
    assert admission.release(second) == [third]
    assert (admission.active, admission.active_tokens) == (2, 700)
    assert admission.release(third) == [fourth]


@pytest.mark.parametrize(("weight", "expected"), [(2, None), (3, Reason.CLIENT_SHARE)])
@pytest.mark.parametrize("cap", [3, 9])  # in line, admitted
def test_the_cap_of_a_client_counts_generations(weight, expected, cap) -> None:
    admission = Admission(Limits(cap, 9, per_client=3))
    tickets(admission, 2)
    _, second = tickets(admission, 2, "a")
    refusal = weigh(admission, second, weight)
    assert (refusal.reason if refusal else None) is expected


def test_a_lower_cap_for_clients_takes_back_nothing() -> None:
    admission = Admission(Limits(4, per_client=3))
    first, *_ = tickets(admission, 3, "a")
    admission.set_limits(Limits(4, per_client=1))
    assert weigh(admission, first, 1, 10) is None


def test_one_profile_serves_eight_long_ones_and_sixty_short_ones() -> None:
    limits = Limits(60, kv_tokens=8 * 32_768)
    for tokens, expected in ((32_768, 8), (4_096, 60)):
        admission = Admission(limits)
        admitted = 0
        while isinstance(ticket := ask(admission), Ticket) and weigh(admission, ticket, 1, tokens) is None:
            admitted += 1
        assert admitted == expected


# the line


def test_the_line_is_served_first_come_first_served() -> None:
    admission = Admission(Limits(1, 3))
    first, second, third, fourth = tickets(admission, 4)
    assert admission.release(first) == [second]
    assert admission.release(third) == []  # left the line
    assert admission.release(second) == [fourth]
    assert (admission.active, admission.waiting) == (1, 0)


def test_everybody_in_line_can_see_where_he_stands() -> None:
    admission = Admission(Limits(1, 3))
    first, second, third, fourth = tickets(admission, 4)
    assert admission.line == (second, third, fourth)
    admission.release(third)
    assert admission.line == (second, fourth)
    admission.release(first)
    assert admission.line == (fourth,)


def test_nobody_overtakes_the_line() -> None:
    admission = Admission(Limits(1, 2))
    _, waiting = tickets(admission, 2)
    assert admission.set_limits(Limits(1, 2)) == []
    (late,) = tickets(admission, 1)
    assert late.state is WAITING
    assert admission.set_limits(Limits(2, 2)) == [waiting]


def test_a_newcomer_waits_behind_one_for_whom_there_is_not_enough_yet() -> None:
    admission = Admission(Limits(3, 2))
    first, heavy = tickets(admission, 2)
    weigh(admission, heavy, 3)
    (newcomer,) = tickets(admission, 1)
    assert newcomer.state is WAITING
    assert admission.advance() == []
    assert admission.release(first) == [heavy]
    assert admission.release(heavy) == [newcomer]


@pytest.mark.parametrize("was", [ADMITTED, WAITING])
def test_a_ticket_is_given_back_once(was) -> None:
    admission = Admission(Limits(1, 1))
    ticket = next(ticket for ticket in tickets(admission, 2) if ticket.state is was)
    admission.release(ticket)
    with pytest.raises(ReleasedTwice):
        admission.release(ticket)


# other limits


def test_a_lower_cap_cuts_nobody_off_and_admits_nobody_until_it_is_met() -> None:
    admission = Admission(Limits(3, 1))
    first, second, third, waiting = tickets(admission, 4)
    assert admission.set_limits(Limits(1, 1)) == []
    assert admission.active == 3
    assert admission.release(first) == []
    assert admission.release(second) == []
    assert admission.release(third) == [waiting]


def test_a_higher_cap_admits_at_once() -> None:
    admission = Admission(Limits(1, 5))
    _, *line = tickets(admission, 4)
    assert admission.set_limits(Limits(3, 5)) == line[:2]


def test_a_shorter_line_sends_nobody_away() -> None:
    admission = Admission(Limits(1, 2))
    first, second, third = tickets(admission, 3)
    admission.set_limits(Limits(1, 0))
    assert admission.waiting == 2
    assert isinstance(ask(admission), Refusal)
    assert admission.release(first) == [second]
    assert admission.release(second) == [third]


def test_who_waits_and_is_larger_than_the_server_has_become_holds_up_nobody() -> None:
    admission = Admission(Limits(4, 9))
    *running, heavy, light = tickets(admission, 6)
    weigh(admission, heavy, 4)
    admission.set_limits(Limits(2, 9))
    assert admission.can_never_run(heavy.weight, heavy.tokens)
    assert [admission.release(ticket) for ticket in running] == [[], [], [light], []]
    assert (heavy.state, admission.active) == (WAITING, 1)
    assert admission.set_limits(Limits(5, 9)) == [heavy]


def test_what_another_process_uses_is_taken_here() -> None:
    admission = Admission(Limits(4, 9, kv_tokens=100))
    assert admission.set_aside(3, 90) == []
    first, second = tickets(admission, 2)
    assert (first.state, second.state) == (ADMITTED, WAITING)
    assert weigh(admission, first, 1, 11) is None
    assert (first.state, admission.active, admission.active_tokens) == (WAITING, 3, 90)
    assert admission.set_aside(2, 50) == [first, second]
    assert (admission.active, admission.aside) == (4, (2, 50))
    assert weigh(admission, first, 4, 11) is None  # the whole server, in a moment
    assert admission.release(second) == []
    assert admission.set_aside(0, 0) == [first]


# fair share with a line


def test_the_newcomers_turn_comes_before_the_hogs() -> None:
    admission = Admission(Limits(4, 9, fair_share=True))
    held = tickets(admission, 4, "hog")
    hogs = tickets(admission, 3, "hog")
    news = tickets(admission, 3, "new")
    assert admission.release(held[0]) == [news[0]]
    assert admission.release(held[1]) == [news[1]]
    assert admission.release(held[2]) == [hogs[0]]  # two and two: first come, first served
    assert admission.release(news[0]) == [news[2]]


def test_nobody_waits_for_the_sake_of_fairness() -> None:
    admission = Admission(Limits(4, 9, fair_share=True))
    held = tickets(admission, 4, "hog")
    (waiting,) = tickets(admission, 1, "hog")
    assert admission.release(held[0]) == [waiting]


def test_a_newcomer_is_let_past_a_heavy_request_of_who_has_his_share() -> None:
    admission = Admission(Limits(8, 9, fair_share=True))
    hogs = tickets(admission, 7, "hog")
    weigh(admission, hogs[6], 4)
    assert (hogs[6].state, admission.active) == (WAITING, 6)
    (new,) = tickets(admission, 1, "new")
    assert admission.advance() == [new]


def test_a_line_full_of_one_client_keeps_its_next_place_for_another() -> None:
    admission = Admission(Limits(2, 3, fair_share=True))
    first, second, *_ = tickets(admission, 5, "hog")
    assert refused(ask(admission, "new")).reason is Reason.AT_CAPACITY
    assert len(admission.release(first)) == 1
    assert refused(ask(admission, "hog")).reason is Reason.CLIENT_SHARE
    (new,) = tickets(admission, 1, "new", now=NEXT_FREE_S)
    assert admission.release(second) == [new]


# fair share without a line


@pytest.mark.parametrize(("now", "expected"), [(5.0, Reason.CLIENT_SHARE), (5.1, None)])
def test_a_place_is_kept_until_the_one_it_was_refused_to_should_be_back(now, expected) -> None:
    admission = Admission(Limits(4, fair_share=True))
    hogs = tickets(admission, 4, "hog")
    assert isinstance(ask(admission, "new"), Refusal)  # told to come back in 3 s
    admission.release(hogs[0])
    answer = ask(admission, "hog", now)
    assert (answer.reason if isinstance(answer, Refusal) else None) is expected
    assert isinstance(ask(admission, "new", now), Ticket) is (expected is not None)


def test_what_was_refused_for_its_size_is_kept_too() -> None:
    admission = Admission(Limits(60, fair_share=True, kv_tokens=1000))
    hogs = tickets(admission, 2, "hog")
    for hog in hogs:
        assert weigh(admission, hog, 1, 500) is None
    assert "KV cache is full" in refused(ask(admission, "new")).message
    admission.release(hogs[0])
    (new,) = tickets(admission, 1, "new")
    assert weigh(admission, new, 1, 600) is not None
    admission.release(new)
    (hog,) = tickets(admission, 1, "hog")
    assert refused(weigh(admission, hog, 1, 500)).reason is Reason.CLIENT_SHARE
    admission.release(hog)
    admission.release(hogs[1])
    (new,) = tickets(admission, 1, "new")
    assert weigh(admission, new, 1, 600) is None


def test_who_got_what_it_was_refused_has_nothing_kept_any_more() -> None:
    admission = Admission(Limits(4, fair_share=True))
    hogs = tickets(admission, 4, "hog")
    assert isinstance(ask(admission, "new"), Refusal)
    for ticket in hogs[:2]:
        admission.release(ticket)
    tickets(admission, 1, "new")
    tickets(admission, 1, "hog")


@pytest.mark.parametrize(("weight", "tokens", "expected"), [(3, 9, True), (3, 10, True), (2, 10, False), (3, 8, False)])
def test_what_was_refused_for_its_size_is_kept_until_as_much_was_given(weight, tokens, expected) -> None:
    admission = Admission(Limits(6, fair_share=True))
    hogs = tickets(admission, 5, "hog")
    (new,) = tickets(admission, 1, "new")
    assert weigh(admission, new, 3, 9) is not None
    admission.release(new)
    for ticket in hogs[:2]:
        admission.release(ticket)
    (new,) = tickets(admission, 1, "new")
    assert weigh(admission, new, weight, tokens) is None
    admission.release(new)
    assert isinstance(ask(admission, "hog"), Ticket) is expected


def test_where_requests_may_wait_no_place_stays_empty() -> None:
    admission = Admission(Limits(2, 1, fair_share=True))
    running = tickets(admission, 3, "hog")
    assert isinstance(ask(admission, "new"), Refusal)  # the line is full
    for ticket in running[:2]:
        admission.release(ticket)
    (hog,) = tickets(admission, 1, "hog")
    assert hog.state is ADMITTED


def test_without_fair_share_nothing_is_kept() -> None:
    admission = Admission(Limits(4))
    hogs = tickets(admission, 4, "hog")
    assert isinstance(ask(admission, "new"), Refusal)
    admission.release(hogs[0])
    assert isinstance(ask(admission, "hog"), Ticket)


@settings(max_examples=200)
@given(
    cap=st.integers(2, 6),
    steps=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.floats(0.1, 4.0)), max_size=40),
)
def test_who_comes_back_when_told_finds_the_place_that_became_free(cap, steps) -> None:
    """The promise as a client sees it: one takes whatever there is, the other holds nothing and does as it is told."""
    admission = Admission(Limits(cap, fair_share=True))
    hogs = tickets(admission, cap, "hog")
    now, has_become_free = 0.0, False
    refusal = refused(ask(admission, "polite", now))
    back = now + float(refusal.headers()["Retry-After"])
    for ends, tries, passed_s in steps:
        for ticket in hogs[:ends]:
            admission.release(ticket)
            has_become_free = True
        hogs = hogs[ends:]
        hogs += [got for _ in range(tries) if isinstance(got := ask(admission, "hog", now), Ticket)]
        if now + passed_s >= back:
            now = back
            answer = ask(admission, "polite", now)
            assert isinstance(answer, Ticket) is has_become_free
            if isinstance(answer, Ticket):
                return
            back = now + float(answer.headers()["Retry-After"])
        else:
            now += passed_s


# what an operator sees


def test_what_an_operator_sees_of_it() -> None:
    admission = Admission(Limits(2, 4))
    tickets(admission, 2, "a")
    tickets(admission, 1, "b")
    assert repr(admission) == "<Admission 2 of 2 active, 1 of 4 waiting>"
    assert [(held.client, held.active, held.waiting) for held in admission.clients()] == [("a", 2, 0), ("b", 0, 1)]


def test_a_wait_in_vain_is_told_with_its_length() -> None:
    refusal = Admission(Limits(8)).queue_timeout(30.04, 2.0)
    assert (refusal.status, refusal.reason, refusal.retry_after_s) == (503, Reason.QUEUE_TIMEOUT, 2.0)
    assert "30.0 s in line" in refusal.message


# any order of events

CLIENTS = ("a", "b", "c")

some_limits = st.builds(
    Limits,
    cap=st.integers(1, 6),
    max_waiting=st.sampled_from((0, 0, 1, 4, 9)),
    per_client=st.sampled_from((None, None, 1, 2, 4)),
    fair_share=st.booleans(),
    kv_tokens=st.sampled_from((None, 50, 100)),
)


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Asking, weighing, leaving, releasing and changing the limits, in any order, against books of its own."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.limits = Limits(3, 4, fair_share=True)
        self.admission = Admission(self.limits)
        self.alive: list[Ticket] = []  # in the order of arrival
        self.claims: dict[str, tuple[int, int, float]] = {}
        self.now = 0.0
        self.aside = Room(0, 0)

    @rule(target=held, client=st.sampled_from(CLIENTS))
    def ask(self, client):
        before = self.held_places(client)
        was_in_line = self.admission.waiting
        answer = self.admission.ask(client, None, NEXT_FREE_S, self.now)
        if isinstance(answer, Refusal):
            self.note(client, answer, 1, 0)
            return None
        self.settle(client, 1, 0)
        self.alive.append(answer)
        if answer.state is ADMITTED:
            assert not was_in_line
            self.check_limits(answer)
            self.check_kept(answer, before)
        self.advance()
        return answer

    @rule(ticket=held, weight=st.integers(1, 7), tokens=st.integers(0, 60))
    def weigh(self, ticket, weight, tokens) -> None:
        if ticket is None or ticket.state is GONE:
            return
        was = (ticket.state, ticket.weight, ticket.tokens)
        before = self.held_places(ticket.client)
        answer = self.admission.weigh(ticket, weight, tokens, NEXT_FREE_S, self.now)
        if answer is not None:
            assert (ticket.state, ticket.weight, ticket.tokens) == was
            self.note(ticket.client, answer, weight, tokens)
        else:
            self.settle(ticket.client, weight, tokens)
            assert (ticket.weight, ticket.tokens) == (weight, tokens)
            has_grown = weight > was[1] or tokens > was[2]
            if ticket.state is ADMITTED and has_grown:
                self.check_limits(ticket)
                self.check_kept(ticket, before - was[1])
                # a client that a later cap found above itself keeps its places, and may ask for tokens with them
                if self.limits.per_client is None or self.held_places(ticket.client) <= self.limits.per_client:
                    self.check_turn(ticket)
            if ticket.state is WAITING:
                assert was[0] is WAITING or self.limits.max_waiting
        self.advance()

    @rule(ticket=consumes(held))
    def release(self, ticket) -> None:
        if ticket is None:
            return
        self.alive.remove(ticket)
        line = self.waiting()
        self.check_admitted(line, self.admission.release(ticket))
        with pytest.raises(ReleasedTwice):
            self.admission.release(ticket)

    @rule(limits=some_limits)
    def change_limits(self, limits) -> None:
        self.limits = limits
        line = self.waiting()
        self.check_admitted(line, self.admission.set_limits(limits))

    @rule(places=st.integers(0, 4), tokens=st.integers(0, 40))
    def another_process_uses(self, places, tokens) -> None:
        self.aside = Room(places, tokens)
        line = self.waiting()
        self.check_admitted(line, self.admission.set_aside(places, tokens))

    @rule(passed_s=st.sampled_from((0.5, 3.0, 6.0)))
    def time_passes(self, passed_s) -> None:
        self.now += passed_s

    def teardown(self) -> None:
        for ticket in self.alive:
            self.admission.release(ticket)
        assert (self.admission.active, self.admission.active_tokens) == self.aside
        assert self.admission.waiting == 0
        assert self.admission.clients() == []

    def advance(self) -> None:
        line = self.waiting()
        self.check_admitted(line, self.admission.advance())

    def check_admitted(self, line: list[Ticket], admitted: list[Ticket]) -> None:
        """`line` as it was before; goes through those admitted one by one, the last first."""
        assert all(ticket in line and ticket.state is ADMITTED for ticket in admitted)
        if admitted:
            self.check_limits(admitted[-1])
        for ticket in reversed(admitted):
            after = self.held_places(ticket.client)
            ticket.state = WAITING  # as it was when its turn came
            self.check_turn(ticket)
            assert self.limits.per_client is None or after <= self.limits.per_client
        for ticket in admitted:
            ticket.state = ADMITTED

    def check_limits(self, admitted: Ticket) -> None:
        assert self.admission.active <= self.limits.cap
        assert self.limits.kv_tokens is None or self.admission.active_tokens <= self.limits.kv_tokens

    def check_turn(self, admitted: Ticket) -> None:
        """Whoever waits and came before it had to have his share already, or could not run."""
        wanting = {ticket.client for ticket in self.alive}
        state, admitted.state = admitted.state, WAITING
        in_line = [ticket for ticket in self.waiting() if self.could_run(ticket)]
        if self.limits.fair_share:  # one for each client: its own come in order
            in_line = list({ticket.client: ticket for ticket in reversed(in_line)}.values())
        is_within = {ticket: self.is_within_share(ticket, len(wanting)) for ticket in in_line}
        admitted.state = state
        assert admitted in in_line
        for other in in_line:
            if other.number < admitted.number:
                assert self.limits.fair_share and is_within[admitted] and not is_within[other]
            elif other is not admitted and self.limits.fair_share:
                assert is_within[admitted] or not is_within[other]

    def check_kept(self, admitted: Ticket, held_before: int) -> None:
        """Without a line, more than a share is given when there is room for the claims of those within theirs."""
        if not self.limits.fair_share or self.limits.max_waiting or held_before <= 0:
            return
        self.claims = {client: claim for client, claim in self.claims.items() if claim[2] >= self.now}
        wanting = len({ticket.client for ticket in self.alive} | self.claims.keys())
        state, admitted.state = admitted.state, WAITING
        if not self.is_within_share(admitted, wanting):
            owed = [
                Ticket(WAITING, client, weight, tokens)
                for client, (weight, tokens, _) in self.claims.items()
                if client != admitted.client
            ]
            owed = [ticket for ticket in owed if self.is_within_share(ticket, wanting)]
            assert self.admission.active + sum(ticket.weight for ticket in owed) <= self.limits.cap
            if self.limits.kv_tokens is not None:
                in_use = self.admission.active_tokens + sum(ticket.tokens for ticket in owed)
                assert in_use <= self.limits.kv_tokens
        admitted.state = state

    def note(self, client: str, refusal: Refusal, weight: int, tokens: int) -> None:
        if refusal.reason is Reason.AT_CAPACITY and self.limits.fair_share:
            self.claims.pop(client, None)
            self.claims[client] = (weight, tokens, self.now + NEXT_FREE_S + 2.0)
            if len(self.claims) > self.limits.cap:
                del self.claims[next(iter(self.claims))]

    def settle(self, client: str, weight: int, tokens: int) -> None:
        claim = self.claims.get(client, (9, 0, 0.0))
        if claim[0] <= weight and claim[1] <= tokens:
            del self.claims[client]

    def waiting(self) -> list[Ticket]:
        return [ticket for ticket in self.alive if ticket.state is WAITING]

    def held_places(self, client: str) -> int:
        return sum(ticket.weight for ticket in self.alive if ticket.state is ADMITTED and ticket.client == client)

    def held_tokens(self, client: str) -> int:
        return sum(ticket.tokens for ticket in self.alive if ticket.state is ADMITTED and ticket.client == client)

    def could_run(self, ticket: Ticket) -> bool:
        limits = self.limits
        if ticket.weight > limits.cap or (limits.kv_tokens is not None and ticket.tokens > limits.kv_tokens):
            return False
        return limits.per_client is None or self.held_places(ticket.client) + ticket.weight <= limits.per_client

    def is_within_share(self, ticket: Ticket, clients: int) -> bool:
        held = self.held_places(ticket.client)
        if held == 0:
            return True
        kv_tokens = self.limits.kv_tokens
        has_tokens = kv_tokens is None or self.held_tokens(ticket.client) + ticket.tokens <= share(kv_tokens, clients)
        return has_tokens and held + ticket.weight <= share(self.limits.cap, clients)

    @invariant()
    def the_books_agree_with_the_tickets(self) -> None:
        admitted = [ticket for ticket in self.alive if ticket.state is ADMITTED]
        assert len(admitted) + len(self.waiting()) == len(self.alive)
        assert sum(ticket.weight for ticket in admitted) + self.aside.places == self.admission.active
        assert sum(ticket.tokens for ticket in admitted) + self.aside.tokens == self.admission.active_tokens
        assert {held.client: held.active for held in self.admission.clients()} == {
            ticket.client: self.held_places(ticket.client) for ticket in self.alive
        }

    @invariant()
    def the_line_is_in_the_order_of_arrival(self) -> None:
        assert list(self.admission.line) == self.waiting()
        assert self.admission.waiting == len(self.waiting())

    @invariant()
    def nobody_waits_beside_enough_free_places_for_everybody(self) -> None:
        able = [ticket for ticket in self.waiting() if self.could_run(ticket)]
        if able and self.limits.kv_tokens is None:
            assert self.admission.active + max(ticket.weight for ticket in able) > self.limits.cap


TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase
TestAnyOrderOfEvents.settings = settings(stateful_step_count=60, deadline=None)


@given(cap=st.integers(1, 4), steps=st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=60))
def test_active_never_exceeds_a_constant_cap(cap, steps) -> None:
    admission = Admission(Limits(cap, 2))
    held: list[Ticket] = []
    for step in steps:  # None: somebody asks; a number: one of those who hold a ticket gives it back
        if step is None:
            answer = ask(admission)
            held += [answer] if isinstance(answer, Ticket) else []
        elif held:
            admission.release(held.pop(step % len(held)))
        assert admission.active <= cap
    for ticket in held:
        admission.release(ticket)
    assert (admission.active, admission.waiting) == (0, 0)
