"""Which bucket an observation falls into, and what a stream's arrivals count for."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.record.histogram import DURATION_S, INTERVAL_S, TTFT_S, WAIT_S, Histogram, Intervals


@pytest.mark.parametrize(
    ("value", "bucket"),
    [(0.0, 0), (0.99, 0), (1.0, 0), (1.01, 1), (2.0, 1), (4.0, 2), (4.01, 3), (1e9, 3)],
)
def test_a_bound_belongs_to_the_bucket_below_it(value, bucket) -> None:
    histogram = Histogram((1.0, 2.0, 4.0))
    histogram.observe(value)
    assert histogram.counts == [int(index == bucket) for index in range(4)]
    assert histogram.sum == value


def test_prometheus_wants_each_bucket_to_hold_the_smaller_ones() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.5, 1.6, 9.0):
        histogram.observe(value)
    assert list(histogram.cumulative()) == [(1.0, 1), (2.0, 3), (float("inf"), 4)]


@pytest.mark.parametrize("bounds", [TTFT_S, DURATION_S, INTERVAL_S, WAIT_S])
def test_bounds_rise(bounds) -> None:
    assert all(lower < upper for lower, upper in pairwise(bounds))


def intervals(*arrivals: tuple[float, int]) -> Histogram:
    gathered = Intervals()
    for moment, events in arrivals:
        gathered.note(moment, events)
    histogram = Histogram(INTERVAL_S)
    histogram.add(gathered)
    return histogram


def placed(*arrivals: tuple[float, int]) -> dict[float, int]:
    """Bound of the bucket -> how many."""
    bounds = (*INTERVAL_S, float("inf"))
    return {bounds[index]: count for index, count in enumerate(intervals(*arrivals).counts) if count}


@pytest.mark.parametrize(
    ("arrivals", "expected"),
    [
        ([], {}),
        ([(5.0, 1)], {}),  # nothing is before it
        ([(5.0, 3)], {}),  # nor between those that came together
        ([(0.0, 1), (0.03, 1)], {0.05: 1}),
        ([(0.0, 1), (0.03, 1), (0.06, 1), (100.0, 1)], {0.05: 2, float("inf"): 1}),
        ([(0.0, 1), (0.06, 2)], {0.05: 2}),  # two in 60 ms: 30 ms each
        ([(0.0, 1), (0.03, 0), (0.06, 1)], {0.075: 1}),  # a ping in between is no event
        ([(1.0, 1), (1.0, 1)], {0.002: 1}),  # at the same moment, by a coarse clock
    ],
)
def test_what_arrives_together_shares_the_time_before_it(arrivals, expected) -> None:
    assert placed(*arrivals) == expected


@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.integers(0, 9)), max_size=50))
def test_every_event_but_the_first_arrival_has_its_share_of_the_time(gaps) -> None:
    now, arrivals = 1000.0, []
    for gap, events in gaps:
        now += gap
        arrivals.append((now, events))
    histogram = intervals(*arrivals)
    heard = [(moment, events) for moment, events in arrivals if events]
    assert sum(histogram.counts) == sum(events for _, events in heard[1:])
    assert histogram.sum == (heard[-1][0] - heard[0][0] if heard else 0.0)


def test_streams_add_up() -> None:
    histogram = Histogram(INTERVAL_S)
    for _ in range(3):
        stream = Intervals()
        stream.note(1.0)
        stream.note(1.25)
        histogram.add(stream)
    assert (sum(histogram.counts), histogram.sum) == (3, 0.75)


@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.integers(0, 3), st.booleans()), max_size=50))
def test_what_is_counted_later_is_counted_the_same(gaps) -> None:
    at_once, later = Intervals(), Intervals()
    now = 1000.0
    for gap, events, is_left_for_later in gaps:
        now += gap
        at_once.note(now, events)
        if events == 1 and is_left_for_later:
            later.uncounted.append(now)
        else:
            later.note(now, events)
    assert later.events == at_once.events
    later.settle()
    assert (later.counts, later.first, later.last, later.events) == (
        at_once.counts,
        at_once.first,
        at_once.last,
        at_once.events,
    )
    assert later.uncounted == []
