from pathlib import Path

import pytest
from snapshots import snapshot
from switch_records import record

from slot.cli.switch_sight import SwitchSight, lines_of, look
from slot.paths import Paths
from slot.state import Lifecycle, LoadPhase
from slot.switch import history, progress
from slot.switch.progress import Progress
from slot.switch.steps import Journal, Outcome, Step, Which
from slot.switch.world import World, world_at

NOW = 1100.0
LOADING = snapshot(Lifecycle.LOADING, phase=LoadPhase.WEIGHTS, progress=0.2, eta_s=40.0)
DOING = Progress(id="5f3a9c01", request="b", came_from="a", to="b", step=Step.START, since=0.0)
JOURNAL = Journal(
    id="5f3a9c01",
    request="b",
    came_from=Which("a", "0"),
    to=Which("b", "1"),
    served=None,
    began_at=1000.0,
    step=Step.START,
    step_at=1040.0,
)


@pytest.mark.parametrize(
    ("sight", "lines"),
    [
        (SwitchSight(), []),
        (SwitchSight(under_way=DOING), ["switch     under way  to b: loading b: weights, about 40 s left"]),
        (
            SwitchSight(cut_off=JOURNAL),
            [
                "switch     cut off  to b, at start, 60 s ago",
                "  do       sudo slotctl settle; the next switch settles it as well",
            ],
        ),
        (
            SwitchSight(failed=record(Outcome.ROLLED_BACK, why="it died")),
            ["switch     rolled back  to b, 5 s ago: it died"],
        ),
        (
            SwitchSight(failed=record(Outcome.REFUSED, why="this host cannot serve it\nno weights\nno room")),
            [
                "switch     refused  to b, 5 s ago: this host cannot serve it",
                "  found    no weights",
                "  found    no room",
            ],
        ),
        (SwitchSight(unreadable="it is torn"), ["switch     cut off  it is torn"]),
    ],
)
def test_at_most_one_switch_is_told_of(sight: SwitchSight, lines: list[str]) -> None:
    assert list(lines_of(sight, LOADING, NOW)) == lines


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = world_at(Paths(tmp_path / "run", tmp_path / "data", tmp_path, tmp_path / "current.env"))
    world.progress_file.parent.mkdir(parents=True)
    return world


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `systemctl` says is in this file."""
    said = tmp_path / "said"
    said.touch()
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\ncat {said}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return said


def test_without_any_there_is_nothing_to_tell(world: World) -> None:
    assert look(world) == SwitchSight()


def test_one_is_under_way_while_its_unit_is_at_work(world: World, systemctl: Path) -> None:
    progress.write(world.progress_file, DOING)
    world.desk.write_journal(JOURNAL)
    systemctl.write_text("b70-slot-switch@b:id-5f3a9c01.service loaded activating start Model switch\n")
    assert look(world) == SwitchSight(under_way=DOING)
    systemctl.write_text("")
    assert look(world) == SwitchSight(cut_off=JOURNAL)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_last_one_is_told_of_if_it_went_ill(world: World, outcome: Outcome) -> None:
    last = record(outcome)
    history.append(world.desk.history_file, last)
    is_well = outcome in (Outcome.SWITCHED, Outcome.UNCHANGED)
    assert look(world) == SwitchSight(failed=None if is_well else last)


def test_a_journal_that_is_none_is_told_of(world: World) -> None:
    world.desk.write_journal(JOURNAL)
    world.desk.journal_file.write_text("{")
    assert "is no journal" in look(world).unreadable
