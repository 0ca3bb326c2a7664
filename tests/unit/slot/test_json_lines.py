"""A file of records: appended to, read from its end, and what is no record is passed over."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from slot.json_lines import MOST_BYTES, append, tail


class Record(msgspec.Struct, frozen=True):
    name: str


@pytest.mark.parametrize("is_synced", [False, True])
def test_what_is_appended_is_read_oldest_first(tmp_path: Path, is_synced: bool) -> None:
    path = tmp_path / "not there yet" / "records.jsonl"
    append(path, Record("one"), is_synced=is_synced)
    append(path, Record("two"), is_synced=is_synced)
    assert path.read_bytes() == b'{"name":"one"}\n{"name":"two"}\n'
    assert tail(path, Record) == [Record("one"), Record("two")]


def test_no_file_is_no_record(tmp_path: Path) -> None:
    assert tail(tmp_path / "none.jsonl", Record) == []


def test_a_record_behind_a_line_that_was_cut_is_not_lost_with_it(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    append(path, Record("first"))
    path.write_bytes(path.read_bytes() + b'{"name": "cut')
    append(path, Record("second"))
    append(path, Record("third"))
    assert tail(path, Record) == [Record("first"), Record("second"), Record("third")]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b'{"name": "cut',
        b'{"name": 7}',
        b'{"name": "\xff"}',  # a disk after a crash
        b'{"x":' + b"[" * 9999 + b"]" * 9999 + b"}",
    ],
)
def test_a_line_that_is_no_record_is_passed_over(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(line + b"\n")
    append(path, Record("sound"))
    assert tail(path, Record) == [Record("sound")]


@pytest.mark.parametrize("more", [0, 1])
def test_of_a_long_file_the_end_is_read(tmp_path: Path, more: int) -> None:
    path = tmp_path / "records.jsonl"
    line = b'{"name":"0123456"}'.ljust(31) + b"\n"
    path.write_bytes(line * (MOST_BYTES // len(line) + more))
    assert len(tail(path, Record)) == MOST_BYTES // len(line)
