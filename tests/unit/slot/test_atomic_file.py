"""A file is replaced as a whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from slot.atomic_file import write_atomically


def test_what_was_there_is_replaced_and_everybody_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text("before")
    write_atomically(file, b"after")
    assert file.read_bytes() == b"after"
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [file]


def test_what_cannot_be_put_in_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "taken", b"text")
    assert list(tmp_path.iterdir()) == [tmp_path / "taken"]
