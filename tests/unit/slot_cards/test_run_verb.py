"""What `slotctl run` does before anything is started: it looks at what the last sweep had to leave."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from processes import free_port

from slot import state
from slot.cards import swept
from slot.cards.swept import Left, Swept
from slot.cli.run import run
from slot.exit_codes import ExitCode
from slot.lock import take
from slot.paths import Paths
from slot.profiles.catalog import Catalog, flatten
from slot.state import Lifecycle

CATALOG = Path(__file__).parents[3] / "configs/model-slots"
STUCK = Left(pid=os.getpid(), command="vllm serve")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path, tmp_path, CATALOG, tmp_path / "current.env")
    made.active_profile.write_text(flatten(Catalog(CATALOG).load("sim")))
    return made


def run_here(paths: Paths) -> int:
    return run(paths, active=None, simulate=True, faults=(), seed=0, engine_port=free_port())


def test_nothing_is_loaded_beside_what_is_left(paths: Paths) -> None:
    swept.write(paths.swept_file, Swept(at=0, invocation="", left=(STUCK,)))
    assert run_here(paths) == ExitCode.DEVICE
    found = state.read(paths.state_file)
    assert found is not None
    assert found.failure is not None
    assert (found.state, found.profile.name) == (Lifecycle.FAILED, "sim")
    assert f"vllm serve (pid {os.getpid()}) cannot be ended" in found.failure.cause


def test_a_slot_that_lives_speaks_for_itself(paths: Paths) -> None:
    swept.write(paths.swept_file, Swept(at=0, invocation="", left=(STUCK,)))
    lock = take(paths.lock_file)
    assert run_here(paths) == ExitCode.CANNOT_CREATE
    assert not paths.state_file.exists()
    lock.close()
