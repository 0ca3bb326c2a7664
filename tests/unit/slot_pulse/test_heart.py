"""Each test is a conversation: what was seen, and what the heart made of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.pulse import heart
from slot.pulse.heart import (
    BLIND_S,
    IDLE_S,
    RETRY_S,
    Declare,
    Event,
    Heart,
    Order,
    ProbeAnswered,
    ProbeFailed,
    Rhythm,
    Scraped,
    ScrapeFailed,
    SendProbe,
)
from slot.pulse.scrape import Vitals

ALLOWANCE_S = 200.0
EVERY_S = 5.0


def seen(at: float, in_hand: int = 0, moved: float = 0.0) -> Scraped:
    return Scraped(Vitals(running=in_hand, waiting=0, tokens=0, moved=(moved,)), at)


def lived(*events: Event, allowance_s: float = ALLOWANCE_S) -> tuple[Heart, list[tuple[float, Order]]]:
    """The heart after these events, and every order with its time."""
    now, orders = heart.begin(allowance_s, 0.0), []
    for event in events:
        now, order = heart.step(now, event)
        if order is not None:
            orders.append((event.at, order))
    return now, orders


def looks(begin: float, end: float, in_hand: int = 0, moved: float = 0.0) -> list[Event]:
    """A scrape every few seconds, from `begin` to `end`, and nothing moves."""
    count = round((end - begin) / EVERY_S) + 1
    return [seen(begin + EVERY_S * number, in_hand, moved) for number in range(count)]


def test_work_that_gets_on_is_no_wedge_however_long() -> None:
    now, orders = lived(*(seen(at, 3, moved=at) for at in range(0, 5000, 5)))
    assert (now.rhythm, orders) == (Rhythm.BUSY, [])


def test_work_that_stands_still_is_a_wedge_at_the_allowance() -> None:
    first = seen(0.0, 2)
    assert lived(first, *looks(5, ALLOWANCE_S - 5, 2))[1] == []
    now, orders = lived(first, *looks(5, ALLOWANCE_S, 2))
    assert (now.rhythm, orders) == (Rhythm.WEDGED, [(ALLOWANCE_S, Declare(ALLOWANCE_S, 2))])


def test_stillness_counts_from_when_there_was_something_to_do() -> None:
    # answered probes keep an idle engine's beat; then work comes 50 s after the last one
    idle = [*looks(0, 50)]
    assert lived(*idle, *looks(55, 55 + ALLOWANCE_S - 5, 1))[1] == []
    assert lived(*idle, *looks(55, 55 + ALLOWANCE_S, 1))[1] == [(55 + ALLOWANCE_S, Declare(ALLOWANCE_S, 1))]


def test_one_movement_in_time_saves_it() -> None:
    now, orders = lived(*looks(0, ALLOWANCE_S - 5, 1), *looks(ALLOWANCE_S, 2 * ALLOWANCE_S - 5, 1, moved=1.0))
    assert (now.rhythm, orders) == (Rhythm.BUSY, [])


def test_an_idle_engine_is_asked_once_a_minute() -> None:
    events: list[Event] = []
    for minute in range(3):
        begin = minute * IDLE_S
        events += [*looks(begin + 5, begin + IDLE_S), ProbeAnswered(begin + IDLE_S)]
    now, orders = lived(*events)
    assert orders == [(60.0, SendProbe()), (120.0, SendProbe()), (180.0, SendProbe())]
    assert (now.rhythm, now.probed_at) == (Rhythm.QUIET, 180.0)


def test_an_idle_engine_that_does_not_answer_is_a_wedge() -> None:
    now, orders = lived(*looks(0, IDLE_S + ALLOWANCE_S))
    assert orders == [(IDLE_S, SendProbe()), (IDLE_S + ALLOWANCE_S, Declare(ALLOWANCE_S, 0))]
    assert now.rhythm is Rhythm.WEDGED


def test_a_token_for_somebody_else_answers_the_question_too() -> None:
    now, orders = lived(*looks(0, IDLE_S + 10), seen(IDLE_S + 15, 1, moved=1.0))
    assert (now.rhythm, orders) == (Rhythm.BUSY, [(IDLE_S, SendProbe())])


def test_a_probe_that_fails_is_tried_again_and_its_time_runs_on() -> None:
    events = [*looks(0, IDLE_S), ProbeFailed(IDLE_S + 1), *looks(IDLE_S + 5, IDLE_S + RETRY_S + 5)]
    now, orders = lived(*events)
    assert orders == [(IDLE_S, SendProbe()), (IDLE_S + RETRY_S + 5, SendProbe())]
    assert now.rhythm is Rhythm.ASKED
    _, orders = lived(*events, *looks(IDLE_S + RETRY_S + 10, IDLE_S + ALLOWANCE_S))
    assert orders[-1] == (IDLE_S + ALLOWANCE_S, Declare(ALLOWANCE_S, 0))


@pytest.mark.parametrize("in_hand", [0, 2])
def test_scrapes_that_fail_make_it_ask_and_nothing_else(in_hand: int) -> None:
    blind = [ScrapeFailed(at) for at in (12.0, 24.0, 5 + BLIND_S)]
    now, orders = lived(seen(0.0, in_hand), seen(5.0, in_hand), *blind)
    assert orders == ([(5 + BLIND_S, SendProbe())])
    now, orders = lived(seen(0.0, in_hand), seen(5.0, in_hand), *blind, ProbeAnswered(36.0), ScrapeFailed(47.0))
    assert (now.rhythm, len(orders)) == (Rhythm.BUSY if in_hand else Rhythm.QUIET, 1)


def test_failing_scrapes_are_no_wedge_as_long_as_the_probe_is_answered() -> None:
    events: list[Event] = [seen(0.0, 2)]
    for at in range(12, 3000, 12):
        events += [ScrapeFailed(at), ProbeAnswered(at + 1.0)] if lived(*events, ScrapeFailed(at))[1] else []
        events.append(ScrapeFailed(at + 2.0))
    assert all(order == SendProbe() for _, order in lived(*events)[1])


def test_nobody_at_all_answers() -> None:
    failures = [ScrapeFailed(at) for at in range(12, 300, 12)]
    orders = lived(seen(0.0, 2), *failures)[1]
    asked_at = orders[0][0]
    assert orders[0][1] == SendProbe()
    assert orders[1][1] == Declare(pytest.approx(ALLOWANCE_S, abs=12), 2)
    assert orders[1][0] - asked_at >= ALLOWANCE_S


def test_what_nobody_saw_does_not_count() -> None:
    stopped_for_an_hour = [seen(0.0, 1), seen(5.0, 1), *looks(3605.0, 3605.0 + ALLOWANCE_S - 10, 1)]
    assert lived(*stopped_for_an_hour)[1] == []
    assert lived(*stopped_for_an_hour, seen(3605.0 + ALLOWANCE_S, 1))[1] != []


def test_after_the_last_word_nothing_changes() -> None:
    wedged, orders = lived(*looks(0, ALLOWANCE_S, 1), seen(ALLOWANCE_S + 5, 1, 1.0), ProbeAnswered(ALLOWANCE_S + 6))
    assert (wedged.rhythm, len(orders)) == (Rhythm.WEDGED, 1)


@pytest.mark.parametrize(("allowance_s", "idle_s"), [(1.0, 0.5), (119.0, 59.5), (120.0, 60.0), (600.0, 60.0)])
def test_a_small_allowance_asks_sooner(allowance_s: float, idle_s: float) -> None:
    assert heart.begin(allowance_s, 0.0).idle_s == idle_s


STEPS = st.lists(st.tuples(st.floats(0.5, 12.0), st.integers(0, 3), st.booleans()), min_size=1, max_size=120)


@given(STEPS, st.floats(1.0, 600.0))
def test_never_a_wedge_while_anything_moves_within_the_allowance(
    steps: Sequence[tuple[float, int, bool]], allowance_s: float
) -> None:
    at, still_s, count = 0.0, 0.0, 0.0
    events: list[Event] = []
    for pause, in_hand, moves in steps:
        at, still_s = at + pause, still_s + pause
        if moves or still_s >= allowance_s:
            count, still_s = count + 1, 0.0
        events.append(seen(at, in_hand, moved=count))
    assert not [order for _, order in lived(*events, allowance_s=allowance_s)[1] if isinstance(order, Declare)]


@given(STEPS, st.integers(0, 3), st.floats(0.5, 12.0), st.floats(1.0, 600.0))
def test_always_a_wedge_once_nothing_moves(
    steps: Sequence[tuple[float, int, bool]], in_hand: int, pause: float, allowance_s: float
) -> None:
    at, count = 0.0, 0.0
    events: list[Event] = []
    for step_s, running, moves in steps:
        at, count = at + step_s, count + moves
        events.append(seen(at, running, moved=count))
    if lived(*events, allowance_s=allowance_s)[0].rhythm is Rhythm.WEDGED:
        return  # it stood still long enough before
    limit = allowance_s + heart.begin(allowance_s, 0.0).idle_s + 2 * pause
    still = [seen(at + pause * (number + 1), in_hand, moved=count) for number in range(int(limit / pause) + 1)]
    assert lived(*events, *still, allowance_s=allowance_s)[0].rhythm is Rhythm.WEDGED
