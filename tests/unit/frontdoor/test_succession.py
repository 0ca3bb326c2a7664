from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.process import succession
from frontdoor.process.succession import Action, Event, Stage, Use, first_share, next_share, step, taken_by_successor

E, S, A = Event, Stage, Action


@pytest.mark.parametrize(
    ("events", "stage", "actions"),
    [
        (
            [E.REPLACE_ASKED, E.SUCCESSOR_READY, E.SUCCESSOR_SERVES, E.EMPTY],
            S.ENDED,
            [A.START_SUCCESSOR, A.STOP_ACCEPTING, A.LET_SERVE, A.LEAVE_IT_ALL],
        ),
        ([E.REPLACE_ASKED, E.REPLACE_ASKED], S.PREPARING, [A.START_SUCCESSOR]),
        ([E.REPLACE_ASKED, E.SUCCESSOR_FAILED], S.SERVING, [A.START_SUCCESSOR, A.END_SUCCESSOR]),
        ([E.REPLACE_ASKED, E.SUCCESSOR_FAILED, E.SUCCESSOR_READY], S.SERVING, [A.START_SUCCESSOR, A.END_SUCCESSOR]),
        (
            [E.REPLACE_ASKED, E.SUCCESSOR_READY, E.SUCCESSOR_FAILED],
            S.SERVING,
            [A.START_SUCCESSOR, A.STOP_ACCEPTING, A.LET_SERVE, A.END_SUCCESSOR, A.ACCEPT_AGAIN],
        ),
        ([E.STOP_ASKED, E.EMPTY], S.ENDED, [A.SAY_STOPPING, A.STOP_ACCEPTING, A.LIMIT_DRAIN]),
        ([E.STOP_ASKED, E.TIME_OVER], S.ENDED, [A.SAY_STOPPING, A.STOP_ACCEPTING, A.LIMIT_DRAIN, A.CUT]),
        ([E.STOP_ASKED, E.STOP_ASKED], S.ENDED, [A.SAY_STOPPING, A.STOP_ACCEPTING, A.LIMIT_DRAIN, A.CUT]),
        ([E.STOP_ASKED, E.REPLACE_ASKED], S.STOPPING, [A.SAY_STOPPING, A.STOP_ACCEPTING, A.LIMIT_DRAIN]),
        (
            [E.REPLACE_ASKED, E.STOP_ASKED],
            S.STOPPING,
            [A.START_SUCCESSOR, A.END_SUCCESSOR, A.SAY_STOPPING, A.STOP_ACCEPTING, A.LIMIT_DRAIN],
        ),
        (
            [E.REPLACE_ASKED, E.SUCCESSOR_READY, E.STOP_ASKED],
            S.STOPPING,
            [A.START_SUCCESSOR, A.STOP_ACCEPTING, A.LET_SERVE, A.END_SUCCESSOR, A.SAY_STOPPING, A.LIMIT_DRAIN],
        ),
    ],
)
def test_a_process_goes_its_way(events: list[Event], stage: Stage, actions: list[Action]) -> None:
    found, ordered = S.SERVING, []
    for event in events:
        found, more = step(found, event)
        ordered += more
    assert (found, ordered) == (stage, actions)


def test_a_retired_process_is_not_cut_by_time_and_can_be_stopped() -> None:
    assert step(S.RETIRING, E.TIME_OVER) == (S.RETIRING, [])
    assert step(S.RETIRING, E.SUCCESSOR_FAILED) == (S.RETIRING, [])
    assert step(S.RETIRING, E.STOP_ASKED) == (S.STOPPING, [A.LIMIT_DRAIN])


def test_nobody_stops_being_empty_while_it_serves() -> None:
    assert step(S.SERVING, E.EMPTY) == (S.SERVING, [])
    assert all(step(S.ENDED, event) == (S.ENDED, []) for event in E)


@given(st.lists(st.sampled_from(list(Event)), max_size=30))
def test_it_accepts_exactly_while_it_serves_or_prepares(events: list[Event]) -> None:
    stage, accepts, has_successor = S.SERVING, True, False
    for event in events:
        stage, actions = step(stage, event)
        for action in actions:
            assert (action is A.STOP_ACCEPTING) <= accepts, "stopped twice"
            assert (action is A.ACCEPT_AGAIN) <= (not accepts), "begun twice"
            assert (action in (A.END_SUCCESSOR, A.LET_SERVE)) <= has_successor
            accepts = (accepts or action is A.ACCEPT_AGAIN) and action is not A.STOP_ACCEPTING
            has_successor = (has_successor or action is A.START_SUCCESSOR) and action is not A.END_SUCCESSOR
        assert accepts == (stage in (S.SERVING, S.PREPARING))


def test_the_picture_shows_every_step() -> None:
    drawn = re.findall(r"^    (\S.*?) +--(.*?)--> +(\w+)", succession.__doc__ or "", re.MULTILINE)
    pairs = set()
    for stages, events, to in drawn:
        found = stages_of(stages)
        for event in events.split(", "):
            pairs |= {(stage, event_of(event), Stage[to]) for stage in found}
    assert pairs == {(stage, event, to) for (stage, event), (to, _) in succession._STEPS.items()}


def stages_of(text: str) -> list[Stage]:
    if " .. " in text:
        first, last = (list(Stage).index(Stage[name]) for name in text.split(" .. "))
        return list(Stage)[first : last + 1]
    return [Stage[name] for name in text.split(", ")]


def event_of(name: str) -> Event:
    return Event[re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()]


@pytest.mark.parametrize(
    ("use", "share"),
    [
        (Use(8, 0, 0), 0),
        (Use(8, 3, 0), 3),
        (Use(8, 3, 1), 4),
        (Use(8, 3, 2), 5),
        (Use(8, 3, 100), 5),
        (Use(8, 8, 100), 8),
        (Use(8, 9, 100), 9),
        (Use(1, 0, 1), 0),
        (Use(2, 0, 1), 1),
    ],
)
def test_the_first_share(use: Use, share: int) -> None:
    assert first_share(use) == share


HAPPENINGS = ("old asks", "new asks", "old ends", "new ends", "idle leaves", "told")
# active may be above the cap: it was lowered a moment ago
USES = st.builds(Use, limit=st.integers(1, 20), active=st.integers(0, 23), asking=st.integers(0, 20))


@given(USES, st.lists(st.sampled_from(HAPPENINGS), max_size=60))
def test_the_two_never_run_more_than_the_cap(start: Use, happenings: list[str]) -> None:
    """Each side counts the other's part as taken; the message with the share is on its way for any time."""
    cap, old, asking, new = start.limit, start.active, start.asking, 0
    share = first_share(start)
    on_the_way = [share]
    counted = max(cap, share)  # what the successor counts as taken; nothing is admitted before the first message
    for what in happenings:
        taken_here = taken_by_successor(share, Use(cap, old))
        if what == "old asks" and asking and old + taken_here < cap:
            old, asking = old + 1, asking - 1
        elif what == "new asks" and new + counted < cap:
            new += 1
        elif what == "old ends" and old:
            old -= 1
        elif what == "new ends" and new:
            new -= 1
        elif what == "idle leaves" and asking:
            asking -= 1
        elif what == "told" and on_the_way:
            counted = on_the_way.pop(0)
        lower = next_share(share, Use(cap, old, asking))
        assert old <= lower <= share
        if lower != share:
            share = lower
            on_the_way.append(share)
        assert old + new <= max(cap, start.active)
        assert new == 0 or old + new <= cap
