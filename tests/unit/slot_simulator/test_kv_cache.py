from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.simulator.kv_cache import Holding, KvCache, block_names

BLOCK = 4
PROMPT = list(range(10))  # two whole blocks and a half


def cache(blocks: int, *, keeps: bool = True) -> KvCache:
    return KvCache(blocks * BLOCK, BLOCK, keeps=keeps)


@pytest.mark.parametrize(("tokens", "count"), [(0, 0), (3, 0), (4, 1), (5, 1), (8, 2)])
def test_only_whole_blocks_have_names(tokens: int, count: int) -> None:
    assert len(block_names(list(range(tokens)), BLOCK)) == count


def test_names_are_shared_as_far_as_the_prompts_are() -> None:
    one, other = block_names([1, 2, 3, 4, 5, 6, 7, 8], BLOCK), block_names([1, 2, 3, 4, 9, 6, 7, 8], BLOCK)
    assert one[0] == other[0]
    assert one[1] != other[1]


@pytest.mark.parametrize(("blocks", "tokens", "fits"), [(3, 12, True), (3, 13, False), (1, 4, True), (1, 5, False)])
def test_admits_what_fits(blocks: int, tokens: int, fits: bool) -> None:
    assert (cache(blocks).admit(PROMPT, tokens) is not None) == fits


def test_a_refused_prompt_takes_nothing() -> None:
    small = cache(2)
    assert small.admit(PROMPT, 11) is None
    assert (small.free, small.usage) == (2, 0.0)


@pytest.mark.parametrize(
    ("first", "second", "cached"),
    [
        (PROMPT, PROMPT, 8),
        (PROMPT, PROMPT[:8], 4),  # all of it is there, but the last token is computed anyway
        (PROMPT, PROMPT[:9], 8),
        (PROMPT, PROMPT[:4] + [99] * 6, 4),
        (PROMPT, [99, *PROMPT], 0),
    ],
)
@pytest.mark.parametrize("still_running", [True, False])
def test_a_known_prefix_is_used_again(first: list[int], second: list[int], cached: int, still_running: bool) -> None:
    kept = cache(20)
    holding = kept.admit(first, len(first) + 1)
    assert holding is not None and holding.cached_tokens == 0
    if not still_running:
        kept.release(holding)
    again = kept.admit(second, len(second) + 1)
    assert again is not None and again.cached_tokens == cached


def test_nothing_is_kept_without_prefix_caching() -> None:
    forgetful = cache(20, keeps=False)
    holding = forgetful.admit(PROMPT, 11)
    assert holding is not None
    forgetful.release(holding)
    assert forgetful.free == 20
    again = forgetful.admit(PROMPT, 11)
    assert again is not None and again.cached_tokens == 0


def test_what_nobody_wants_makes_room() -> None:
    full = cache(3)
    holding = full.admit(PROMPT, 12)
    assert holding is not None
    full.release(holding)
    assert (full.free, full.usage) == (1, 0.0)  # two blocks of the prompt are idle
    other = full.admit([50] * 10, 12)
    assert other is not None
    assert full.free == 0


def test_growing_stops_when_the_cache_is_full() -> None:
    full = cache(3)
    holding = full.admit(PROMPT, 10)
    assert holding is not None
    assert full.grow(holding, 12)
    assert not full.grow(holding, 13)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30), st.booleans()), max_size=40), st.booleans())
def test_blocks_are_never_lost(requests: list[tuple[int, int, bool]], keeps: bool) -> None:
    small = cache(12, keeps=keeps)
    held: list[Holding] = []
    for start, length, let_go in requests:
        holding = small.admit(list(range(start, start + length)), length + 1)
        if holding is not None:
            held.append(holding)
        if let_go and held:
            small.release(held.pop(0))
        assert 0 <= small.free <= small.size
        assert 0.0 <= small.usage <= 1.0
    for holding in held:
        small.release(holding)
        small.release(holding)  # twice is no mistake
    assert small.usage == 0.0
