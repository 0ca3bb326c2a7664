import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.cli.session import Action, DoorEnded, Event, Interrupted, Served, Session, SlotEnded, Stage, step
from slot.exit_codes import ExitCode

CTRL_C = Interrupted()


def play(*events: Event) -> tuple[Session, list[list[Action]]]:
    session = Session()
    said = []
    for event in events:
        session, actions = step(session, event)
        said.append(actions)
    return session, said


@pytest.mark.parametrize(
    ("events", "stage", "exit_code", "actions"),
    [
        ([], Stage.LOADING, 0, []),
        ([Served()], Stage.SERVING, 0, [[Action.SHOW_BANNER]]),
        ([Served(), Served()], Stage.SERVING, 0, [[Action.SHOW_BANNER], []]),
        (
            [Served(), CTRL_C, DoorEnded(0), SlotEnded(0)],
            Stage.ENDED,
            0,
            [[Action.SHOW_BANNER], [Action.STOP_DOOR], [Action.STOP_SLOT], []],
        ),
        (
            [CTRL_C, Served(), DoorEnded(0), SlotEnded(0)],
            Stage.ENDED,
            0,
            [[Action.STOP_DOOR], [], [Action.STOP_SLOT], []],
        ),
        (
            [Served(), SlotEnded(1), CTRL_C, DoorEnded(0)],
            Stage.ENDED,
            1,
            [[Action.SHOW_BANNER], [Action.SHOW_SLOT_ENDED], [Action.STOP_DOOR], []],
        ),
        ([SlotEnded(78)], Stage.DOWN, 1, [[Action.SHOW_SLOT_ENDED]]),
        ([SlotEnded(0)], Stage.DOWN, 1, [[Action.SHOW_SLOT_ENDED]]),
        (
            [Served(), DoorEnded(-9), SlotEnded(0)],
            Stage.ENDED,
            1,
            [[Action.SHOW_BANNER], [Action.SHOW_DOOR_ENDED, Action.STOP_SLOT], []],
        ),
        ([SlotEnded(1), DoorEnded(1)], Stage.ENDED, 1, [[Action.SHOW_SLOT_ENDED], [Action.SHOW_DOOR_ENDED]]),
        (
            [CTRL_C, CTRL_C, DoorEnded(-9), SlotEnded(0)],
            Stage.ENDED,
            0,
            [[Action.STOP_DOOR], [Action.KILL_DOOR, Action.STOP_SLOT, Action.HURRY_SLOT], [], []],
        ),
        (
            [CTRL_C, DoorEnded(0), CTRL_C, CTRL_C, SlotEnded(-9)],
            Stage.ENDED,
            1,
            [[Action.STOP_DOOR], [Action.STOP_SLOT], [Action.HURRY_SLOT], [Action.KILL_SLOT], [Action.SHOW_SLOT_ENDED]],
        ),
        (
            [SlotEnded(1), CTRL_C, CTRL_C],
            Stage.KILLING,
            1,
            [[Action.SHOW_SLOT_ENDED], [Action.STOP_DOOR], [Action.KILL_DOOR]],
        ),
        ([CTRL_C, SlotEnded(0)], Stage.CLOSING, 0, [[Action.STOP_DOOR], []]),
        ([CTRL_C, SlotEnded(0), DoorEnded(0), CTRL_C], Stage.ENDED, 0, [[Action.STOP_DOOR], [], [], []]),
    ],
)
def test_each_story(events: list[Event], stage: Stage, exit_code: int, actions: list[list[Action]]) -> None:
    session, said = play(*events)
    assert (session.stage, session.exit_code, said) == (stage, ExitCode(exit_code), actions)


EVENTS = st.lists(st.sampled_from([Served(), CTRL_C, CTRL_C, SlotEnded(0), SlotEnded(1), DoorEnded(0), DoorEnded(1)]))


@given(EVENTS)
def test_in_every_story_the_slot_is_stopped_before_up_ends_and_never_while_the_door_relays(events: list[Event]) -> None:
    session = Session()
    asked: set[Action] = set()
    ended: set[type] = set()
    for event in events:
        if type(event) in ended and isinstance(event, SlotEnded | DoorEnded):
            continue  # a process ends once
        session, actions = step(session, event)
        ended.add(type(event))
        asked |= set(actions)
        if Action.STOP_SLOT in actions:
            assert not session.door_runs or Action.KILL_DOOR in actions
        if session.stage is Stage.ENDED:
            assert {SlotEnded, DoorEnded} <= ended
    if session.stage is not Stage.ENDED and {SlotEnded, DoorEnded} <= ended:
        raise AssertionError(f"both ended, and up waits on: {session}")
