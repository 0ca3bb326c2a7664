"""What an engine leaves in the place of the slot's own files keeps no later one from its start."""

from __future__ import annotations

import os
from pathlib import Path

from slot.supervisor.service import _clear


def test_what_is_no_file_goes_and_files_stay(tmp_path: Path) -> None:
    pipe, link, directory, file = (tmp_path / name for name in ("pipe", "link", "directory", "file"))
    file.write_text("x")
    os.mkfifo(pipe)
    link.symlink_to(file)
    (directory / "full").mkdir(parents=True)
    for path in (pipe, link, directory, file, tmp_path / "none"):
        _clear(path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert file.read_text() == "x"
