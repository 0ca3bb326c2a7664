"""How long until a place becomes free."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.admission.next_free import SOONEST_S, UNKNOWN_S, Running, Typical, next_free_s

NOW = 1000.0

# 100 events in 9.9 s are 99 intervals of 0.1 s
AT_TEN_A_SECOND = {"started": NOW - 12.0, "first_event": NOW - 9.9, "events": 100}


@pytest.mark.parametrize(
    ("running", "typical_s", "expected"),
    [
        ([], None, UNKNOWN_S),
        ([], 20.0, UNKNOWN_S),
        ([Running(NOW - 5.0)], None, UNKNOWN_S),  # no limit, no history
        ([Running(NOW - 5.0, limit=100)], None, UNKNOWN_S),  # no pace before the first event
        ([Running(NOW - 5.0, NOW - 1.0, 1, limit=100)], None, UNKNOWN_S),  # nor with one
        ([Running(NOW - 5.0, NOW - 1.0, 2, limit=12)], None, 10.0),
        ([Running(**AT_TEN_A_SECOND, limit=150)], None, 5.0),
        ([Running(**AT_TEN_A_SECOND, limit=101)], None, 0.1),
        ([Running(**AT_TEN_A_SECOND, limit=100)], None, SOONEST_S),
        ([Running(**AT_TEN_A_SECOND, limit=99)], None, SOONEST_S),  # an event brought two tokens
        ([Running(NOW - 5.0)], 20.0, 15.0),
        ([Running(NOW - 18.0)], 20.0, 2.0),
        ([Running(NOW - 19.0)], 20.0, 2.0),  # nearly or long overdue: a tenth
        ([Running(NOW - 500.0)], 20.0, 2.0),
        ([Running(NOW - 500.0)], 0.1, SOONEST_S),
        ([Running(**AT_TEN_A_SECOND, limit=150)], 60.0, 5.0),  # the limit comes first
        ([Running(**AT_TEN_A_SECOND, limit=10_000)], 60.0, 48.0),  # few reach theirs
        ([Running(NOW), Running(NOW - 15.0), Running(NOW - 5.0)], 20.0, 5.0),
        ([Running(NOW), Running(**AT_TEN_A_SECOND, limit=130)], None, 3.0),
    ],
)
def test_the_soonest_of_those_that_run(running, typical_s, expected) -> None:
    assert next_free_s(running, NOW, typical_s) == pytest.approx(expected)


some_running = st.builds(
    Running,
    started=st.floats(NOW - 1e5, NOW),
    first_event=st.none() | st.floats(NOW - 1e4, NOW),
    events=st.integers(0, 10_000),
    limit=st.none() | st.integers(1, 100_000),
)
some_time = st.none() | st.floats(0.001, 1e4)


@given(running=st.lists(some_running, min_size=1, max_size=5), typical_s=some_time)
def test_it_is_what_the_soonest_alone_would_say(running, typical_s) -> None:
    together = next_free_s(running, NOW, typical_s)
    alone = [next_free_s([one], NOW, typical_s) for one in running]
    assert together in alone
    assert together >= SOONEST_S
    assert together == min(alone) or UNKNOWN_S in alone  # what says nothing is passed over


def test_before_the_first_generation_has_ended_nothing_is_typical() -> None:
    assert Typical().seconds is None


def test_what_lasts_the_same_is_typical() -> None:
    typical = Typical()
    for _ in range(100):
        typical.note(7.0)
    assert typical.seconds == pytest.approx(7.0)


def test_one_of_ten_minutes_does_not_hide_the_short_ones() -> None:
    typical = Typical()
    for lasted_s in [2.0] * 20 + [600.0]:
        typical.note(lasted_s)
    assert 2.0 < (typical.seconds or 0.0) < 3.0


def test_new_habits_show() -> None:
    typical = Typical()
    for lasted_s in [2.0] * 500 + [50.0] * 100:
        typical.note(lasted_s)
    assert 40.0 < (typical.seconds or 0.0) <= 50.0


@given(st.lists(st.floats(0.0, 1e5), min_size=1))
def test_the_typical_is_among_those_seen(lasted) -> None:
    typical = Typical()
    for lasted_s in lasted:
        typical.note(lasted_s)
    seen = [max(lasted_s, SOONEST_S) for lasted_s in lasted]
    assert min(seen) * 0.999 <= (typical.seconds or 0.0) <= max(seen) * 1.001
