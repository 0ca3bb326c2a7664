"""What an engine leaves in the place of the slot's own files keeps no later one from its start."""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from snapshots import snapshot

from slot import state
from slot.exit_codes import ExitCode
from slot.lock import take
from slot.paths import Paths
from slot.profiles.catalog import Catalog
from slot.profiles.command import engine_command
from slot.state import STALE_AFTER_S, Lifecycle
from slot.supervisor.service import _clear, run

CATALOG = Path(__file__).parents[3] / "configs/model-slots"


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


@pytest.mark.parametrize(
    ("lifecycle", "age_s", "is_told"),
    [
        (Lifecycle.SERVING, 0.0, False),
        (Lifecycle.SERVING, STALE_AFTER_S + 5, True),
        (Lifecycle.STOPPING, STALE_AFTER_S + 5, True),
        # its holder is about to say something
        (Lifecycle.FAILED, STALE_AFTER_S + 5, False),
        (None, 0.0, False),
    ],
)
async def test_a_slot_that_another_holds_is_told_of_where_the_other_does_not(
    lifecycle: Lifecycle | None, age_s: float, is_told: bool, tmp_path: Path
) -> None:
    paths = Paths(tmp_path, tmp_path, CATALOG, tmp_path / "current.env")
    if lifecycle is not None:
        paths.state_file.write_bytes(state.encode(snapshot(lifecycle, updated_at=time.time() - age_s)))
    before = state.read(paths.state_file)
    profile = Catalog(CATALOG).load("sim")
    command = engine_command(profile, data_dir=tmp_path, home=tmp_path, python=sys.executable, simulate=True)
    with closing(take(paths.lock_file)):
        assert await run(profile, command, paths, notify_socket=None) == ExitCode.CANNOT_CREATE
    found = state.read(paths.state_file)
    if not is_told:
        assert found == before
        return
    assert found is not None and found.failure is not None
    assert (found.state, found.failure.name) == (Lifecycle.FAILED, "slot-taken")
    assert f"held by process {os.getpid()}" in found.failure.cause
