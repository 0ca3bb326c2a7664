import os
import time
from pathlib import Path

import msgspec
import pytest
from snapshots import snapshot
from switch_records import record

from slot.cli.follow import AT_WORK, Ended, Follower, ending, moment, reason, times
from slot.cli.moment_view import Moment
from slot.exit_codes import ExitCode
from slot.paths import Paths
from slot.state import Lifecycle, LoadPhase, SlotState
from slot.switch import history, progress
from slot.switch.check import Findings
from slot.switch.progress import CHECK, Draining, Progress
from slot.switch.steps import Outcome, Step
from slot.switch.world import World, world_at

LOADING = snapshot(Lifecycle.LOADING, phase=LoadPhase.GRAPH_CAPTURE, progress=0.8, eta_s=40.0)


def doing(step: str, **facts: object) -> Progress:
    plain = {"id": "5f3a9c01", "request": "b", "came_from": "a", "to": "b", "step": step, "since": 0.0}
    return Progress(**plain | facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now_doing", "slot", "expected"),
    [
        (doing(CHECK), None, Moment("checking b", "checking b")),
        (doing(Step.PAUSE), None, Moment("pausing", "pausing")),
        (doing(Step.DRAIN), None, Moment("draining", "draining")),
        (
            doing(Step.DRAIN, draining=Draining(2, 1, 41.0, 8)),
            None,
            Moment("draining", "draining 3 of 8, oldest 41 s", 5 / 8, news="2 1"),
        ),
        (
            doing(Step.DRAIN, draining=Draining(0, 0, 0.0, 0)),
            None,
            Moment("draining", "draining"),
        ),
        (doing(Step.STOP), LOADING, Moment("stopping a", "stopping a")),
        (doing(Step.STOP, came_from=None), None, Moment("stopping the slot", "stopping the slot")),
        (doing(Step.START), None, Moment("loading b", "loading b: starting", news="starting")),
        (
            doing(Step.START),
            snapshot(Lifecycle.STOPPED),
            Moment("loading b", "loading b: starting", news="starting"),
        ),
        (
            doing(Step.START),
            LOADING,
            Moment("loading b", "loading b: graph capture", 0.8, "about 40 s left", "graph capture"),
        ),
        (doing("a step of a later version"), None, Moment("a step of a later version", "a step of a later version")),
    ],
)
def test_what_it_does_is_a_moment(now_doing: Progress, slot: SlotState | None, expected: Moment) -> None:
    assert moment(now_doing, slot) == expected


@pytest.mark.parametrize("step", [CHECK, *Step])
def test_each_step_has_words_of_its_own(step: str) -> None:
    assert moment(doing(step), None).label != step


@pytest.mark.parametrize("step", [CHECK, *Step])
def test_why_it_goes_back_is_said_once_it_does(step: str) -> None:
    goes_back = step.startswith("undo") or step == Step.DOWN
    assert reason(doing(step, why="it died")) == ("it died" if goes_back else None)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_each_outcome_says_what_was_asked_for_and_what_to_do(outcome: Outcome) -> None:
    first, *more = ending(record(outcome, why="it died"))
    if outcome in (Outcome.SWITCHED, Outcome.UNCHANGED):
        assert first.startswith("b ") and not more
    else:
        assert first.endswith("it died")
        assert [line.split()[0] for line in more] == ["found", "do"]


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.UNCHANGED])
def test_a_door_that_stays_paused_is_told_of(outcome: Outcome) -> None:
    said = "\n".join(ending(record(outcome, paused="maintenance at noon")))
    assert said.count("the door stays paused: maintenance at noon") == 1
    assert "admits again" not in said
    assert "paused" not in "\n".join(ending(record(outcome)))


@pytest.mark.parametrize(("code", "do"), [(78, "slotctl check --here b"), (73, "slotctl status")])
def test_who_was_refused_for_the_host_or_the_profile_is_sent_to_the_doctor(code: int, do: str) -> None:
    assert ending(record(Outcome.REFUSED, why="no weights", exit_code=code))[-1] == f"  do     {do}"


def test_what_a_host_lacks_is_one_finding_to_a_line() -> None:
    lacks = Findings(("weights: /m: nothing is there; fetch them", "disk: /var: 1 GiB free;\n make room"))
    assert ending(record(Outcome.REFUSED, why=lacks.why_not(), exit_code=78)) == [
        "not switched: this host cannot serve it",
        "  found  weights: /m: nothing is there; fetch them",
        "  found  disk: /var: 1 GiB free; make room",
        "  found  nothing was changed",
        "  do     slotctl check --here b",
    ]


def test_a_reason_that_was_shown_is_not_said_again() -> None:
    rolled_back = record(Outcome.ROLLED_BACK, why="it died")
    assert ending(rolled_back, told="it died")[0] == "b does not serve"
    assert ending(rolled_back, told="it hung")[0] == "b does not serve: it died"


@pytest.mark.parametrize(
    ("timings", "said"),
    [
        ({}, "after 2 min"),
        ({"drain": 0.9, "engine_stop": 6.2, "check": 9.0}, "after 2 min: stopped 6 s"),
        (
            {"drain": 41.0, "engine_stop": 6.0, "engine_load": 47.0},
            "after 2 min: drained 41 s, stopped 6 s, loaded 47 s",
        ),
    ],
)
def test_times_are_those_that_took_time(timings: dict[str, float], said: str) -> None:
    assert times(record(Outcome.SWITCHED, timings=timings)) == said


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = world_at(Paths(tmp_path / "run", tmp_path / "data", tmp_path, tmp_path / "current.env"))
    world.progress_file.parent.mkdir(parents=True)
    return world


def test_a_switch_that_is_over_is_not_waited_for(world: World) -> None:
    ended = record(Outcome.SWITCHED)
    history.append(world.desk.history_file, ended)
    assert Follower(ended.id, "no.service", world).run(None) == Ended(ended)


class Shown:
    def __init__(self) -> None:
        self.labels: list[str] = []
        self.lines: list[str] = []

    def show(self, moment: Moment) -> None:
        self.labels.append(moment.label)

    def say(self, line: str) -> None:
        self.lines.append(line)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("id_", "labels", "lines"),
    [("5f3a9c01", {"going back: verifying"}, ["b does not serve: it died"]), ("00000000", set(), [])],
)
def test_a_unit_that_ends_without_a_line_is_not_waited_for_for_ever(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, id_: str, labels: set[str], lines: list[str]
) -> None:
    """Its progress is shown until then; another switch's is not."""
    systemctl = tmp_path / "systemctl"
    systemctl.write_text("#!/bin/sh\necho ActiveState=inactive\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    progress.write(world.progress_file, doing(Step.UNDO_VERIFY, why="it died"))
    shown = Shown()
    assert Follower(id_, "b70-slot-switch@b.service", world).run(shown).record is None
    assert (set(shown.labels), shown.lines) == (labels, lines)


def test_what_it_settles_first_is_shown_as_another_switch(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text("#!/bin/sh\necho ActiveState=inactive\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    shown, follower = Shown(), Follower("00000000", "b70-slot-switch@c.service", world)
    progress.write(world.progress_file, doing(Step.UNDO_STOP))
    os.utime(world.progress_file, (time.time() + 1,) * 2)
    follower.run(shown)
    assert set(shown.labels) == {"first, what was cut off: going back: stopping b"}


def test_a_unit_that_waits_for_its_next_try_is_at_work() -> None:
    assert "activating" in AT_WORK and "inactive" not in AT_WORK and "failed" not in AT_WORK


def test_the_exit_code_in_the_history_is_one_of_ours() -> None:
    assert ExitCode(msgspec.json.decode(msgspec.json.encode(record(Outcome.DOWN, exit_code=71)))["exit_code"]) == 71
