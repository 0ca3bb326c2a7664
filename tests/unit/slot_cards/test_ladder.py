from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.cards.ladder import MEANINGS, RUNGS, Done, Recovered, Rung, next_rung

S, Q, P, B, C, R = RUNGS
END = Recovered()


def done(*steps: tuple[Rung, bool]) -> list[Done]:
    return [Done(rung, helped, "", at=0.0) for rung, helped in steps]


@pytest.mark.parametrize(
    ("steps", "after"),
    [
        ([], S),
        ([(S, True)], Q),
        ([(S, False)], R),
        ([(S, True), (Q, True)], P),
        ([(S, True), (Q, False)], P),
        ([(S, True), (Q, True), (P, True)], C),
        ([(S, True), (Q, True), (P, False)], B),
        ([(S, True), (Q, True), (P, False), (B, True)], P),
        ([(S, True), (Q, True), (P, False), (B, False)], R),
        ([(S, True), (Q, True), (P, False), (B, True), (P, True)], C),
        ([(S, True), (Q, True), (P, False), (B, True), (P, False)], R),
        ([(S, True), (Q, True), (P, True), (C, True)], END),
        ([(S, True), (Q, True), (P, True), (C, False)], B),
        ([(S, True), (Q, True), (P, False), (B, True), (P, True), (C, False)], R),
        ([(S, False), (R, True)], R),
    ],
)
def test_the_way(steps: list[tuple[Rung, bool]], after: Rung | Recovered) -> None:
    assert next_rung(done(*steps)) == after


@given(st.lists(st.booleans(), min_size=10, max_size=10))
def test_every_way_ends_and_rebinds_at_most_once(fortune: list[bool]) -> None:
    steps: list[Done] = []
    for helped in fortune:
        rung = next_rung(steps)
        if rung in (END, R):
            break
        assert isinstance(rung, Rung)
        steps += done((rung, helped))
    assert next_rung(steps) in (END, R)
    assert [each.rung for each in steps].count(B) <= 1


def test_each_is_explained() -> None:
    assert set(MEANINGS) == set(RUNGS)
