"""The history's lines: once each, the newest first, and whose time was whose."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from slot.switch.history import append, before_this, find, newest, ours_s, record_of
from slot.switch.steps import Fault, Journal, Outcome, Step, Which

A, B = Which("a", "a" * 64), Which("b", "b" * 64)
JOURNAL = Journal(
    id="00000001", request="b", came_from=A, to=B, served=A, began_at=1.0, step_at=1.0, outcome=Outcome.SWITCHED
)
RECORD = record_of(JOURNAL, 2.0)


def test_a_switch_has_one_line(tmp_path: Path) -> None:
    file = tmp_path / "made" / "history.jsonl"
    append(file, RECORD)
    append(file, RECORD)
    assert newest(file, 9) == [RECORD]
    assert find(file, "00000001") == RECORD
    assert find(file, "00000002") is None


def test_the_newest_come_first_and_torn_lines_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    file.write_bytes(b'{"id": "torn')
    assert newest(file, 9) == []
    file.write_bytes(b'{"id": "torn\n')
    for number in range(3):
        append(file, msgspec.structs.replace(RECORD, id=f"0000000{number}"))
    assert [record.id for record in newest(file, 2)] == ["00000002", "00000001"]
    assert newest(file, 0) == []


def test_no_file_is_no_history(tmp_path: Path) -> None:
    assert newest(tmp_path / "none", 9) == []


@pytest.mark.parametrize(
    ("timings", "ours"),
    [
        ({}, 0.0),
        ({"check": 5.0, "pause": 0.1, "drain": 9.0}, 0.1),
        ({"drain": 9.0, "stop": 6.0, "engine_stop": 5.5, "start": 80.0, "engine_load": 79.0, "verify": 0.2}, 1.7),
    ],
)
def test_whose_time_it_was(timings: dict[str, float], ours: float) -> None:
    assert ours_s(timings) == ours


def test_an_interrupted_one_has_no_time_of_ours() -> None:
    assert record_of(msgspec.structs.replace(JOURNAL, is_interrupted=True), 2.0).ours_s is None


def test_a_device_fault_is_in_the_exit_code() -> None:
    down = msgspec.structs.replace(JOURNAL, outcome=Outcome.DOWN, fault=Fault(Step.START, "lost", is_device=True))
    assert record_of(down, 2.0).exit_code == 71


def test_a_door_that_stays_shut_is_told_with_its_exit_code() -> None:
    shut = msgspec.structs.replace(JOURNAL, outcome=Outcome.SWITCHED, door_shut="it does not start")
    record = record_of(shut, 2.0)
    assert (record.outcome, record.exit_code, record.door_shut) == ("switched", 68, "it does not start")


def test_what_served_before_this() -> None:
    failed = msgspec.structs.replace(RECORD, outcome=Outcome.ROLLED_BACK)
    again = msgspec.structs.replace(RECORD, came_from="b")
    assert before_this([failed, again, RECORD], "b") == "a"
    assert before_this([failed], "b") is None
