"""How long a profile that failed is kept out."""

from __future__ import annotations

from pathlib import Path

import pytest

from slot.switch.cooldown import FIRST_S, LONGEST_S, cleared, cooled, cooling, read, write
from slot.switch.steps import Which

ONE, EDITED, TWO = Which("one", "1" * 64), Which("one", "2" * 64), Which("two", "3" * 64)


@pytest.mark.parametrize(("failures", "seconds"), [(1, 600), (2, 1200), (3, 2400), (6, 19200), (7, 21600), (99, 21600)])
def test_it_doubles_to_six_hours(failures: int, seconds: float) -> None:
    cooldowns: dict[str, object] = {}
    for _ in range(failures):
        cooldowns = cooled(cooldowns, ONE, "no", 0.0)  # type: ignore[arg-type,assignment]
    assert cooldowns["one"].until == seconds  # type: ignore[attr-defined]


def test_only_the_profile_as_it_was_and_only_until_then() -> None:
    cooldowns = cooled({}, ONE, "no", 0.0)
    assert cooling(cooldowns, ONE, FIRST_S - 1)
    assert not cooling(cooldowns, ONE, FIRST_S)
    assert not cooling(cooldowns, EDITED, 1.0)
    assert not cooling(cooldowns, TWO, 1.0)
    assert cooled(cooldowns, EDITED, "no", 1.0)["one"].failures == 1


def test_a_success_clears_it_and_old_ones_are_forgotten() -> None:
    cooldowns = cooled({}, ONE, "no", 0.0)
    assert cleared(cooldowns, "one") == {}
    assert set(cooled(cooldowns, TWO, "no", 1.0)) == {"one", "two"}
    assert set(cooled(cooldowns, TWO, "no", FIRST_S + LONGEST_S)) == {"two"}


def test_on_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "cooldown.json"
    assert read(file) == {}
    write(file, cooled({}, ONE, "no", 0.0))
    assert read(file) == cooled({}, ONE, "no", 0.0)
    file.write_text("{")
    assert read(file) == {}


def test_a_clock_that_was_ahead_keeps_nobody_out() -> None:
    cooldowns = cooled({}, ONE, "no", 1e9)
    assert cooling(cooldowns, ONE, 1e9 - 60)
    assert not cooling(cooldowns, ONE, 1e9 - 365 * 86400)
