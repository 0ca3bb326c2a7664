"""Which incidents are kept: at the limits, and always the newest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.failures.retention import MOST, MOST_BYTES, MOST_S, Entry, to_remove

NOW = 1_790_000_000.0


def entry(age_s: float, size: int = 1) -> Entry:
    return Entry(f"{age_s:g}", NOW - age_s, size)


@pytest.mark.parametrize(
    ("entries", "removed"),
    [
        ([], []),
        ([entry(age) for age in range(MOST)], []),
        ([entry(age) for age in range(MOST + 2)], [f"{MOST}", f"{MOST + 1}"]),
        ([entry(0), entry(MOST_S)], []),
        ([entry(0), entry(MOST_S + 1)], [f"{MOST_S + 1:g}"]),
        ([entry(MOST_S + 1)], []),  # the newest there is
        ([entry(0, MOST_BYTES - 1), entry(1, 1)], []),
        ([entry(0, MOST_BYTES), entry(1, 1)], ["1"]),
        ([entry(2, 1), entry(1, MOST_BYTES), entry(0, 1)], ["1", "2"]),
        ([entry(0, MOST_BYTES + 1)], []),
    ],
)
def test_what_goes(entries: list[Entry], removed: list[str]) -> None:
    assert to_remove(entries, NOW) == removed


ENTRIES = st.lists(
    st.builds(
        Entry, name=st.uuids().map(str), at=st.floats(0, 2 * NOW), bytes=st.integers(min_value=0, max_value=MOST_BYTES)
    ),
    max_size=2 * MOST,
    unique_by=lambda each: each.name,
)


@given(ENTRIES)
def test_what_stays_is_few_and_small_and_has_the_newest(entries: list[Entry]) -> None:
    gone = to_remove(entries, NOW)
    kept = [each for each in entries if each.name not in gone]
    assert len(kept) <= MOST
    assert len(kept) <= 1 or sum(each.bytes for each in kept) <= MOST_BYTES
    assert not entries or max(entries, key=lambda each: (each.at, each.name)) in kept
    assert not set(to_remove(kept, NOW))
