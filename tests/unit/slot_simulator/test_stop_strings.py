from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.simulator.stop_strings import StopStrings


@pytest.mark.parametrize(
    ("stops", "pieces", "shown", "hit"),
    [
        ([], ["a", "b"], "ab", None),
        (["x"], ["a", "b"], "ab", None),
        (["b"], ["a", "b", "c"], "a", "b"),
        (["bc"], ["ab", "cd"], "a", "bc"),
        (["bc"], ["ab", "d"], "abd", None),
        (["abc"], ["a", "b", "a", "b", "c"], "ab", "abc"),
        (["c", "b"], ["abc"], "a", "b"),
        (["", "b"], ["ab"], "a", "b"),
        (["ab"], ["a"], "a", None),
    ],
)
def test_stop_strings(stops: list[str], pieces: list[str], shown: str, hit: str | None) -> None:
    watch = StopStrings(stops)
    text = ""
    for piece in pieces:
        text += watch.feed(piece)
        if watch.hit is not None:
            break
    assert (text + watch.rest(), watch.hit) == (shown, hit)


@given(st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3), st.integers(1, 5))
def test_pieces_make_no_difference(text: str, stops: list[str], size: int) -> None:
    watch = StopStrings(stops)
    shown = ""
    for at in range(0, len(text), size):
        shown += watch.feed(text[at : at + size])
        if watch.hit is not None:
            break
    shown += watch.rest()
    assert not any(stop in shown for stop in stops)
    assert text.startswith(shown)
    assert (watch.hit is None) == (shown == text)
