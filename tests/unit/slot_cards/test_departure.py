from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.cards.departure import GiveUp, Gone, Kill, Order, Patience, Remaining, Terminate, Wait, order

PATIENCE = Patience(keeper_s=100, kill_at_s=280, give_up_at_s=285)
KEEPER = Remaining(1, "keeper", is_keeper=True)
ENGINE = Remaining(2, "vllm")
WORKER = Remaining(3, "worker")
CHILD = Remaining(4, "child", parent=2)


@pytest.mark.parametrize(
    ("remaining", "passed_s", "asked", "expected"),
    [
        ([], 0, (), Gone()),
        ([], 999, (2,), Gone()),
        ([KEEPER, ENGINE], 0, (), Wait(100)),
        ([KEEPER, ENGINE], 99.9, (), Wait(100)),
        ([KEEPER, ENGINE], 100, (), Terminate((2,))),
        ([KEEPER, ENGINE], 100.1, (2,), Wait(280)),
        ([KEEPER], 100, (), Wait(280)),
        ([ENGINE, WORKER], 0, (), Terminate((2, 3))),
        ([ENGINE, WORKER], 0.1, (2,), Terminate((3,))),
        ([ENGINE, WORKER], 0.2, (2, 3), Wait(100)),
        # a main process ends its own children; then, or when it takes too long, they are asked themselves
        ([ENGINE, CHILD], 0, (), Terminate((2,))),
        ([ENGINE, CHILD], 0.1, (2,), Wait(100)),
        ([CHILD], 0.2, (2,), Terminate((4,))),
        ([ENGINE, CHILD], 100, (2,), Terminate((4,))),
        ([ENGINE, CHILD], 101, (2, 4), Wait(280)),
        ([ENGINE], 279.9, (2,), Wait(280)),
        ([ENGINE], 280, (2,), Kill((2,))),
        ([KEEPER, ENGINE], 280, (2,), Kill((1, 2))),
        ([ENGINE], 284.9, (2,), Kill((2,))),
        ([ENGINE], 285, (2,), GiveUp((ENGINE,))),
    ],
)
def test_order(remaining: list[Remaining], passed_s: float, asked: tuple[int, ...], expected: Order) -> None:
    assert order(remaining, passed_s, PATIENCE, frozenset(asked)) == expected


PROCESSES = st.lists(st.sampled_from([KEEPER, ENGINE, WORKER]), min_size=1, unique=True)


@given(PROCESSES, st.floats(0, 300), st.frozensets(st.sampled_from([1, 2, 3])))
def test_sigkill_is_the_last_word(remaining: list[Remaining], passed_s: float, asked: frozenset[int]) -> None:
    found = order(remaining, passed_s, PATIENCE, asked)
    assert not isinstance(found, Gone)
    assert not isinstance(found, Kill) or passed_s >= PATIENCE.kill_at_s
    assert not isinstance(found, Terminate) or not asked & set(found.pids)


@given(PROCESSES, st.floats(0, 99.9), st.frozensets(st.sampled_from([1, 2, 3])))
def test_a_keeper_is_not_disturbed(remaining: list[Remaining], passed_s: float, asked: frozenset[int]) -> None:
    assert order([KEEPER, *remaining], passed_s, PATIENCE, asked) == Wait(100)
