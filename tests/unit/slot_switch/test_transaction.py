"""What a transaction does where nothing of systemd's is needed: whom it refuses, and what a full disk ends."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from slot import lock
from slot.cli.settle import settle
from slot.exit_codes import ExitCode
from slot.paths import Paths
from slot.profiles.catalog import Catalog, flatten
from slot.switch import history
from slot.switch.check import try_to_activate
from slot.switch.request import Request
from slot.switch.settlement import AtStart
from slot.switch.steps import Journal, Step, Which
from slot.switch.transaction import Transaction, go_on, settle_half_done
from slot.switch.world import World, world_at

PROFILE = """\
MODEL_SLOT_NAME={}
MODEL_SLOT_HF_ID=simulated/x
MODEL_SLOT_ENGINE=simulator
MODEL_SLOT_STATUS=test
SERVE_MAX_NUM_SEQS=1
"""
CUT_OFF = Journal(
    id="0000000a",
    request="b:id-0000000a",
    came_from=None,
    to=Which("b", "b" * 64),
    served=None,
    began_at=1.0,
    step_at=1.0,
    step=Step.START,
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    paths = Paths(tmp_path / "run", tmp_path / "data", tmp_path / "catalog", tmp_path / "current.env")
    for directory in (paths.run_dir, paths.switch_dir, paths.switch_run_dir, paths.catalog_dir):
        directory.mkdir(parents=True, exist_ok=True)
    for name in ("a", "b"):
        (paths.catalog_dir / f"{name}.env").write_text(PROFILE.format(name))
    paths.active_profile.write_text(flatten(Catalog(paths.catalog_dir).load("a")))
    return world_at(paths, {"FRONTDOOR_CONTROL_SOCKET": str(tmp_path / "no-door")})


@contextmanager
def full_disk() -> Iterator[None]:
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def test_only_what_is_active_is_loaded_again(world: World) -> None:
    """Of a restart neither the profile's status nor its last failure is asked: it serves already."""
    asked = Request("b", restart=True, id="0000000b")
    assert Transaction(asked, world).run() is ExitCode.FAILED
    [record] = history.newest(world.desk.history_file, 9)
    assert (record.outcome, record.to) == ("refused", "b")
    assert "not active" in (record.why or "")
    assert "'b'" not in world.paths.active_profile.read_text()


def test_a_full_disk_does_not_stop_what_was_cut_off(world: World) -> None:
    """The door is shut, perhaps, and nothing serves: that is no place to end."""
    world.desk.write_journal(CUT_OFF)
    noted: list[Step] = []
    with pytest.raises(OSError), full_disk():
        settle_half_done(world, AtStart(), noted.append)
    assert noted == [Step.PUT_BACK, Step.RESUME, Step.RECORD]
    assert world.desk.journal_file.exists()
    assert settle_half_done(world, AtStart()) is not None
    assert not world.desk.journal_file.exists()


def test_a_full_disk_keeps_a_switch_from_beginning(world: World) -> None:
    noted: list[Step] = []
    with pytest.raises(OSError), full_disk():
        go_on(world, msgspec.structs.replace(CUT_OFF, step=Step.PAUSE), noted.append)
    assert noted == []


def test_a_switch_whose_end_the_disk_would_not_take_does_not_begin(world: World) -> None:
    """The stop comes before the write: found only then, the model that serves was stopped for nothing."""
    nowhere = Path("/proc/sys/current.env")  # where root may not write either
    closed = replace(world, paths=replace(world.paths, active_profile=nowhere))
    assert Transaction(Request("b", id="0000000b"), closed).run() is ExitCode.IO_ERROR
    [record] = history.newest(world.desk.history_file, 9)
    assert (record.outcome, record.exit_code) == ("refused", ExitCode.IO_ERROR)
    assert f"{nowhere} cannot be written" in (record.why or "")
    assert not world.desk.journal_file.exists()


def test_whether_it_could_be_activated_leaves_nothing_behind(world: World) -> None:
    active = world.paths.active_profile
    before = sorted(active.parent.iterdir())
    try_to_activate(active, b"text")
    assert (sorted(active.parent.iterdir()), active.read_bytes()) == (before, active.read_bytes())
    with pytest.raises(OSError), full_disk():
        try_to_activate(active, b"text")
    assert sorted(active.parent.iterdir()) == before
    with full_disk():
        try_to_activate(active, active.read_bytes())  # as when one goes back to it


def test_what_cannot_be_settled_keeps_no_slot_from_starting(world: World) -> None:
    world.desk.journal_file.mkdir()
    assert settle(world.paths, at_start=True) is ExitCode.OK
    with pytest.raises(OSError):
        settle(world.paths, at_start=False)


@pytest.mark.parametrize(("id_", "lines"), [(CUT_OFF.id, 0), ("0000000c", 1)])
def test_who_comes_twice_does_not_write_the_others_line(world: World, id_: str, lines: int) -> None:
    """The slot's own start may have been quicker to take up a switch than systemd was to start it again."""
    world.desk.write_journal(CUT_OFF)
    with closing(lock.take(world.lock_file)):
        assert Transaction(Request("b", id=id_), world).run() is ExitCode.CANNOT_CREATE
    assert len(history.newest(world.desk.history_file, 9)) == lines


def test_a_disk_that_fills_up_before_the_stop_leaves_the_slot_alone(world: World) -> None:
    """The journal on it says PAUSE: whoever found that would only open the door, to a slot that is stopped."""
    noted: list[Step] = []
    with contextlib.ExitStack() as disk, pytest.raises(OSError):

        def note(step: Step) -> None:
            noted.append(step)
            if step is Step.PAUSE:
                disk.enter_context(full_disk())

        go_on(world, msgspec.structs.replace(CUT_OFF, step=Step.PAUSE, force=True), note)
    assert noted == [Step.PAUSE, Step.DRAIN, Step.RESUME, Step.RECORD]
    journal = world.desk.journal()
    assert journal is not None and journal.step is Step.PAUSE
