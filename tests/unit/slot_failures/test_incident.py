"""What is kept of a failure: whole, readable by its group, never written over, and not for ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slot.failures import incident, retention
from slot.failures.diagnosis import diagnose
from slot.failures.incident import MOST_BYTES_OF_A_FILE, Evidence
from slot.failures.trouble import Wedged

NOW = 1_795_256_100.0  # 2026-11-21 10:15:00 UTC
WEDGED = diagnose(Wedged(120.0, 3), ["the last line"], None, NOW).failure


def test_what_was_found_is_there(tmp_path: Path) -> None:
    found = Evidence("wedged", WEDGED, None, ["one", "two"], "== 1: vllm\n", "vllm:x 1\n", ["xe: reset"])
    place = incident.write(tmp_path / "data/incidents", found, NOW)
    assert place == tmp_path / "data/incidents/20261121T101500Z-wedged"
    assert {path.name: path.read_text() for path in place.iterdir() if path.suffix != ".json"} == {
        "engine.log": "one\ntwo\n",
        "stacks.txt": "== 1: vllm\n",
        "metrics.txt": "vllm:x 1\n",
        "kernel.log": "xe: reset\n",
    }
    record = incident.read(place)
    assert record is not None
    assert (record.name, record.at, record.failure) == ("wedged", NOW, WEDGED)


def test_what_was_not_found_is_no_empty_file(tmp_path: Path) -> None:
    place = incident.write(tmp_path, Evidence("recover"), NOW)
    assert [path.name for path in place.iterdir()] == ["incident.json"]


def test_a_long_log_keeps_its_end(tmp_path: Path) -> None:
    place = incident.write(tmp_path, Evidence("x", engine_lines=["x" * MOST_BYTES_OF_A_FILE, "the end"]), NOW)
    text = (place / "engine.log").read_bytes()
    assert len(text) == MOST_BYTES_OF_A_FILE + 1
    assert text.endswith(b"x\nthe end\n")


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    place = incident.write(tmp_path / "incidents", Evidence("x"), NOW)
    modes = [path.stat().st_mode & 0o777 for path in (place.parent, place, place / "incident.json")]
    assert [mode & 0o027 for mode in modes] == [0, 0, 0]


def test_two_of_one_second_are_two(tmp_path: Path) -> None:
    places = [incident.write(tmp_path, Evidence("x"), NOW).name for _ in range(3)]
    assert places == ["20261121T101500Z-x", "20261121T101500Z-x-2", "20261121T101500Z-x-3"]
    assert len(incident.entries(tmp_path)) == 3


def test_one_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        incident.write(tmp_path, Evidence("no/such"), NOW)
    assert list(tmp_path.iterdir()) == []


def test_old_ones_go_and_strangers_stay(tmp_path: Path) -> None:
    (tmp_path / "notes-of-an-admin").mkdir()
    for number in range(retention.MOST + 3):
        incident.write(tmp_path, Evidence("x"), NOW + number)
    kept = sorted(each.at for each in incident.entries(tmp_path))
    assert kept == [NOW + number for number in range(3, retention.MOST + 3)]
    assert (tmp_path / "notes-of-an-admin").exists()


def test_what_cannot_be_read_any_more_is_no_record(tmp_path: Path) -> None:
    place = incident.write(tmp_path, Evidence("x"), NOW)
    (place / "incident.json").write_text("{")
    assert incident.read(place) is None
    assert incident.read(tmp_path / "none") is None


def test_a_group_that_does_not_exist_is_no_reason_to_lose_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident, "OPERATORS", f"no-such-group-{os.getpid()}")
    assert incident.write(tmp_path, Evidence("x"), NOW).exists()
