"""One slot, one supervisor: who has the lock, and who is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slot.lock import Held, holder, take

NOBODY = 2**22 + 1  # above the largest process id that Linux gives


def test_a_lock_is_held_until_it_is_closed(tmp_path: Path) -> None:
    lock = take(tmp_path / "lock")
    with pytest.raises(Held) as held:
        take(tmp_path / "lock")
    assert held.value.pid == os.getpid()
    lock.close()
    take(tmp_path / "lock").close()


@pytest.mark.parametrize(
    ("holders", "named"),
    [([NOBODY, os.getpid()], os.getpid()), ([NOBODY], None), ([], None)],
)
def test_whoever_finds_it_held_is_told_a_holder_that_lives(
    tmp_path: Path, holders: list[int], named: int | None
) -> None:
    lock = take(tmp_path / "lock")
    lock.name_holders(*holders)
    with pytest.raises(Held) as held:
        take(tmp_path / "lock")
    assert held.value.pid == named
    assert str(tmp_path / "lock") in str(held.value)
    lock.close()


def test_who_only_looks_takes_nothing_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    assert holder(file) is None
    assert not file.exists()
    lock = take(file)
    found = holder(file)
    assert found is not None and found.pid == os.getpid()
    lock.close()
    text = file.read_text()
    assert holder(file) is None
    assert file.read_text() == text
