"""The file of loads: appended to, read from its end, and never in the way."""

from __future__ import annotations

from pathlib import Path

from slot.supervisor import history
from slot.supervisor.progress import LoadRecord


def record(profile: str) -> LoadRecord:
    return LoadRecord(profile=profile, sha256="x", started_at=1.0, total_s=2.0, phases={"weights": 2.0})


def test_what_is_appended_is_read_oldest_first(tmp_path: Path) -> None:
    path = tmp_path / "not there yet" / "loads.jsonl"
    history.append(path, record("one"))
    history.append(path, record("two"))
    assert [b'"profile":"one"' in line for line in history.read_lines(path)] == [True, False]


def test_no_file_is_no_history(tmp_path: Path) -> None:
    assert history.read_lines(tmp_path / "loads.jsonl") == []


def test_of_a_long_history_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "loads.jsonl"
    path.write_bytes(b"old\n" * 100_000 + b"new\n")
    lines = history.read_lines(path)
    assert len(lines) < 40_000
    assert lines[-1] == b"new"
