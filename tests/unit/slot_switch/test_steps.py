"""The machine of a switch: each row of its drawing, and what must hold however often it is killed and settled."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.exit_codes import ExitCode
from slot.switch.settlement import Asked, AtStart, settle
from slot.switch.steps import (
    BEFORE_THE_STOP,
    BLAMED,
    FORWARD,
    UNDOING,
    Done,
    Event,
    Failed,
    Fault,
    IllegalEvent,
    Journal,
    NotDrained,
    Outcome,
    Step,
    Which,
    after,
    exit_code,
)

A, B, C = Which("a", "a" * 64), Which("b", "b" * 64), Which("c", "c" * 64)
BEGUN = Journal(id="00000001", request="b", came_from=A, to=B, served=A, began_at=0.0, step_at=0.0)


def at(step: Step, **changes: object) -> Journal:
    return msgspec.structs.replace(BEGUN, step=step, **changes)


def faulty(step: Step, at_step: Step, **changes: object) -> Journal:
    return at(step, fault=Fault(at_step, "why"), why="why", **changes)


@pytest.mark.parametrize(
    ("given", "event", "step", "outcome"),
    [
        (at(Step.PAUSE), Done(), Step.DRAIN, None),
        (at(Step.DRAIN), Done(), Step.STOP, None),
        (at(Step.STOP), Done(), Step.FREE, None),
        (at(Step.FREE), Done(), Step.WRITE, None),
        (at(Step.WRITE), Done(), Step.START, None),
        (at(Step.START), Done(), Step.VERIFY, None),
        (at(Step.VERIFY), Done(), Step.RESUME, Outcome.SWITCHED),
        (at(Step.RESUME, outcome=Outcome.SWITCHED), Done(), Step.RECORD, Outcome.SWITCHED),
        (at(Step.RECORD, outcome=Outcome.SWITCHED), Done(), Step.OVER, Outcome.SWITCHED),
        # before the stop nothing has happened yet
        (at(Step.PAUSE), Failed("no"), Step.RESUME, Outcome.REFUSED),
        (at(Step.DRAIN), Failed("no"), Step.RESUME, Outcome.REFUSED),
        (at(Step.DRAIN), NotDrained("3 run"), Step.RESUME, Outcome.NOT_DRAINED),
        (at(Step.DRAIN, force=True), NotDrained("3 run"), Step.STOP, None),
        # no way back
        (at(Step.START, served=None), Failed("no"), Step.DOWN, None),
        (at(Step.START, served=B), Failed("no"), Step.DOWN, None),
        (at(Step.START, no_rollback=True), Failed("no"), Step.DOWN, None),
        (at(Step.START), Failed("lost", is_device=True), Step.DOWN, None),
        # on the way back
        (faulty(Step.UNDO_STOP, Step.START), Done(), Step.UNDO_FREE, None),
        (faulty(Step.UNDO_FREE, Step.START), Done(), Step.UNDO_WRITE, None),
        (faulty(Step.UNDO_WRITE, Step.START), Done(), Step.UNDO_START, None),
        (faulty(Step.UNDO_START, Step.START), Done(), Step.UNDO_VERIFY, None),
        (faulty(Step.UNDO_VERIFY, Step.START), Done(), Step.COOL, Outcome.ROLLED_BACK),
        (faulty(Step.UNDO_VERIFY, Step.FREE), Done(), Step.RESUME, Outcome.ROLLED_BACK),
        (at(Step.UNDO_VERIFY), Done(), Step.RESUME, Outcome.ROLLED_BACK),
        (faulty(Step.DOWN, Step.START), Done(), Step.COOL, Outcome.DOWN),
        (faulty(Step.DOWN, Step.START, served=B), Done(), Step.RESUME, Outcome.DOWN),
        (faulty(Step.DOWN, Step.STOP), Failed("no"), Step.RESUME, Outcome.DOWN),
        (faulty(Step.PUT_BACK, Step.VERIFY), Done(), Step.COOL, Outcome.PUT_BACK),
        (faulty(Step.COOL, Step.START), Failed("disk full"), Step.RESUME, None),
        (at(Step.RESUME, outcome=Outcome.DOWN), Failed("no"), Step.RECORD, Outcome.DOWN),
    ],
)
def test_a_row(given: Journal, event: Event, step: Step, outcome: Outcome | None) -> None:
    then = after(given, event, 7.0)
    assert (then.step, then.outcome, then.step_at) == (step, outcome, 7.0)


@pytest.mark.parametrize("step", FORWARD)
def test_what_fails_after_the_drain_is_undone(step: Step) -> None:
    then = after(at(step), Failed("no"), 1.0)
    assert (then.step, then.fault, then.why) == (Step.UNDO_STOP, Fault(step, "no"), "no")


@pytest.mark.parametrize("step", UNDOING)
def test_a_way_back_that_fails_ends_down_and_tells_both(step: Step) -> None:
    then = after(faulty(step, Step.START), Failed("no either", is_device=True), 1.0)
    assert then.step is Step.DOWN
    assert then.fault == Fault(Step.START, "why; then back to a: no either", is_device=True)


@pytest.mark.parametrize(
    ("given", "event"),
    [(at(Step.PAUSE), NotDrained("3 run")), (at(Step.RECORD), Failed("no")), (at(Step.OVER), Done())],
)
def test_what_cannot_have_happened(given: Journal, event: Event) -> None:
    with pytest.raises(IllegalEvent):
        after(given, event, 1.0)


@pytest.mark.parametrize(
    ("outcome", "fault", "code"),
    [
        (Outcome.SWITCHED, None, ExitCode.OK),
        (Outcome.UNCHANGED, None, ExitCode.OK),
        (Outcome.ROLLED_BACK, Fault(Step.START, "no"), ExitCode.FAILED),
        (Outcome.NOT_DRAINED, None, ExitCode.FAILED),
        (Outcome.DOWN, Fault(Step.START, "no"), ExitCode.FAILED),
        (Outcome.DOWN, Fault(Step.START, "lost", is_device=True), ExitCode.DEVICE),
        (Outcome.PUT_BACK, Fault(Step.START, "lost", is_device=True), ExitCode.FAILED),
    ],
)
def test_exit_codes(outcome: Outcome, fault: Fault | None, code: ExitCode) -> None:
    assert exit_code(outcome, fault) is code


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome.SWITCHED, ExitCode.UNREACHED),
        (Outcome.ROLLED_BACK, ExitCode.FAILED),
        (Outcome.NOT_DRAINED, ExitCode.FAILED),
    ],
)
def test_a_door_that_stays_shut_is_in_the_exit_code_of_a_switch_that_held(outcome: Outcome, code: ExitCode) -> None:
    then = after(at(Step.RESUME, outcome=outcome), Failed("it does not start"), 1.0)
    assert (then.step, then.outcome, then.door_shut) == (Step.RECORD, outcome, "it does not start")
    assert exit_code(outcome, None, then.door_shut) is code


def test_a_door_that_opens_at_the_second_try_is_open() -> None:
    assert after(at(Step.RESUME, outcome=Outcome.SWITCHED), Done(), 1.0).door_shut is None


SAME = Asked(BEGUN.id, B)


@pytest.mark.parametrize(
    ("found", "by", "step"),
    [
        *((at(step), SAME, step) for step in Step if step is not Step.OVER),
        *((at(step), Asked("00000002", B), step) for step in FORWARD),
        *((at(step), Asked("00000002", C), Step.RESUME) for step in BEFORE_THE_STOP),
        *((at(step), Asked("00000002", B), Step.RESUME) for step in BEFORE_THE_STOP),
        *((at(step), AtStart(), Step.RESUME) for step in BEFORE_THE_STOP),
        *((at(step), Asked("00000002", C), Step.UNDO_STOP) for step in FORWARD[:-1]),
        *((at(step), Asked(), Step.UNDO_STOP) for step in FORWARD[:-1]),
        *((at(step, served=None), Asked(), Step.DOWN) for step in FORWARD[:-1]),
        (at(Step.VERIFY), Asked(), Step.VERIFY),
        *((at(step), AtStart(), Step.PUT_BACK) for step in (*FORWARD, *UNDOING, Step.DOWN, Step.PUT_BACK)),
        *((at(step), Asked("00000002", C), step) for step in (*UNDOING, Step.DOWN, Step.PUT_BACK)),
        *((at(step), AtStart(), step) for step in (Step.COOL, Step.RESUME, Step.RECORD)),
    ],
)
def test_where_a_half_done_switch_goes_on(found: Journal, by: Asked | AtStart, step: Step) -> None:
    then = settle(found, by, 9.0)
    assert (then.step, then.is_interrupted) == (step, True)


def test_cut_off_before_the_stop_is_called_interrupted() -> None:
    then = settle(at(Step.DRAIN), Asked(), 9.0)
    assert (then.outcome, then.why) == (Outcome.INTERRUPTED, "the switch was cut off at drain")


# A small world, in which steps have effects, processes are killed, and others come along.


@dataclass
class World:
    written: str = "a"
    runs: str | None = "a"
    is_paused: bool = False
    cards_are_well: bool = True
    cooled: set[str] = field(default_factory=set)
    recorded: list[Outcome] = field(default_factory=list)

    def do(self, step: Step, goes_wrong: Event | None) -> Event:
        """What a step does, as far as it matters here; one that goes wrong has done it or has not."""
        match step:
            case Step.PAUSE:
                self.is_paused = True
            case Step.STOP | Step.UNDO_STOP:
                self.runs = None
            case Step.WRITE:
                self.written = "b"
            case Step.UNDO_WRITE | Step.PUT_BACK | Step.DOWN:
                self.written = "a"
            case Step.START | Step.UNDO_START:
                if (
                    not self.cards_are_well
                ):  # the unit says so, also to a switch that was killed before it could note it
                    return Failed("not started", is_device=True)
                if isinstance(goes_wrong, Failed):
                    self.cards_are_well = not goes_wrong.is_device
                    return goes_wrong
                self.runs = self.written
            case Step.COOL:
                self.cooled.add("b")
            case Step.RESUME:
                self.is_paused = False
        if isinstance(goes_wrong, Failed) and step in (*FORWARD, *UNDOING, Step.PAUSE, Step.DRAIN):
            return Failed(goes_wrong.why)
        return goes_wrong if step is Step.DRAIN and isinstance(goes_wrong, NotDrained) else Done()


MISHAPS = st.none() | st.sampled_from([Failed("no"), Failed("lost", is_device=True), NotDrained("3 run")])
KILLS = st.sampled_from(["no", "no", "no", "before", "after"])
FINDERS = st.sampled_from([SAME, Asked("00000002", B), Asked("00000002", C), Asked(), AtStart()])


@given(
    st.lists(st.tuples(MISHAPS, KILLS, FINDERS), max_size=40),
    st.booleans(),
    st.booleans(),
    st.sampled_from([A, None]),
)
def test_it_always_ends_with_one_model_and_an_open_door(
    fates: list[tuple[Event | None, str, Asked | AtStart]], force: bool, no_rollback: bool, served: Which | None
) -> None:
    world = World(runs="a" if served else None)
    journal = msgspec.structs.replace(BEGUN, force=force, no_rollback=no_rollback, served=served)
    remaining = iter(fates)
    for _ in range(200):
        mishap, kill, finder = next(remaining, (None, "no", SAME))
        if kill != "before":
            event = world.do(journal.step, mishap)
            if kill == "no":
                if journal.step is Step.RECORD:
                    break
                journal = after(journal, event, 1.0)
                continue
        if isinstance(finder, AtStart):
            world.runs = None  # that is why it starts
        journal = settle(journal, finder, 1.0)
    assert journal.step is Step.RECORD, "it never ended"
    assert not world.is_paused
    outcome, fault = journal.outcome, journal.fault
    assert outcome is not None
    if outcome is Outcome.SWITCHED:
        assert (world.written, journal.to) == ("b", B)
    if outcome is Outcome.ROLLED_BACK:
        assert world.written == "a" and served is not None
    if outcome in (Outcome.NOT_DRAINED, Outcome.REFUSED, Outcome.INTERRUPTED):
        assert world.written == "a"
    if outcome is Outcome.DOWN:
        assert journal.why
    assert ("b" in world.cooled) <= (fault is not None and fault.at in BLAMED)
