import time

import pytest
from switch_records import record

from slot.cli.history import lines_of
from slot.switch.steps import Outcome

AT = time.mktime((2026, 11, 21, 12, 3, 0, 0, 0, -1))


def test_nothing_is_said_in_words() -> None:
    assert list(lines_of([])) == ["no switch so far"]


@pytest.mark.parametrize(
    ("facts", "lines"),
    [
        ({}, ["2026-11-21 12:03:00  switched     a -> b  after 10 s"]),
        ({"came_from": None}, ["2026-11-21 12:03:00  switched     (none) -> b  after 10 s"]),
        (
            {"outcome": Outcome.ROLLED_BACK, "why": "it died"},
            ["2026-11-21 12:03:00  rolled back  a -> b  after 10 s", "    it died"],
        ),
        (
            {"outcome": Outcome.REFUSED, "why": "this host cannot serve it\nno weights\nno room"},
            [
                "2026-11-21 12:03:00  refused      a -> b  after 10 s",
                "    this host cannot serve it",
                "    no weights",
                "    no room",
            ],
        ),
        (
            {"door_shut": "it does not start"},
            ["2026-11-21 12:03:00  switched     a -> b  after 10 s", "    nobody reached it: it does not start"],
        ),
    ],
)
def test_a_switch_is_a_line_and_its_reason_one_below(facts: dict[str, object], lines: list[str]) -> None:
    assert list(lines_of([record(**{"at": AT, "began_at": AT - 10} | facts)])) == lines  # type: ignore[arg-type]


def test_the_order_is_that_of_the_file() -> None:
    newest, older = record(to="c", at=AT, began_at=AT), record(to="b", at=AT - 60, began_at=AT - 60)
    assert [line.split()[5] for line in lines_of([newest, older])] == ["c", "b"]
