"""The slot's life: every row of its table, the late and the twice-told, and what must never happen."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.failures.trouble import Crashed, LoadTimedOut, NotStarted, Stalled, Wedged, WrongModel
from slot.state import Lifecycle, Readiness
from slot.supervisor.actions import (
    Action,
    AnnounceReady,
    AnnounceStopping,
    Finish,
    KillEngine,
    StartEngine,
    TakeEvidence,
    TerminateEngine,
)
from slot.supervisor.events import (
    Climbed,
    CouldNotStart,
    Event,
    EvidenceTaken,
    Exited,
    LoadAsked,
    LogAdvanced,
    Misserved,
    StoodStill,
    StopAsked,
    Swept,
    Ticked,
)
from slot.supervisor.lifecycle import ORPHAN_GRACE_S, IllegalEvent, Limits, Slot, step

LIMITS = Limits(load_timeout_s=100.0, stall_timeout_s=30.0, stop_grace_s=50.0)

EMPTY = Slot(LIMITS)
LOADING = Slot(LIMITS, Lifecycle.LOADING, load_until=100.0, advance_until=30.0)
SERVING = Slot(LIMITS, Lifecycle.SERVING, Readiness.GENERATED)
STOPPING = Slot(LIMITS, Lifecycle.STOPPING, Readiness.GENERATED, kill_at=50.0)
STALLED = Slot(LIMITS, Lifecycle.STOPPING, trouble=Stalled(30.0), kill_at=80.0)
CRASHED = Slot(LIMITS, Lifecycle.FAILED, trouble=Crashed(-9), kill_at=20.0)
STOPPED = Slot(LIMITS, is_over=True)
ASKED = replace(STOPPING, is_asked_to_stop=True)
HANGING = Slot(LIMITS, Lifecycle.DEGRADED, trouble=Stalled(30.0), evidence_until=60.0)
WEDGED = Slot(LIMITS, Lifecycle.DEGRADED, Readiness.GENERATED, trouble=Wedged(9.0, 2), evidence_until=130.0)
GONE = Slot(LIMITS, Lifecycle.FAILED, trouble=Crashed(1), is_over=True)

WRONG = Misserved("SERVE_MAX_MODEL_LEN", "2048", "4096", at=5.0)
GO: list[Action] = [AnnounceStopping(), TerminateEngine()]


@pytest.mark.parametrize(
    ("given", "event", "then", "actions"),
    [
        # loading
        (EMPTY, LoadAsked(0.0), LOADING, [StartEngine()]),
        (LOADING, LogAdvanced(29.0), replace(LOADING, advance_until=59.0), []),
        (LOADING, Climbed(Readiness.PROCESS, 1.0), replace(LOADING, readiness="process", advance_until=31.0), []),
        (LOADING, Climbed(Readiness.MODELS, 9.0), replace(LOADING, readiness="models", advance_until=39.0), []),
        (LOADING, Climbed(Readiness.GENERATED, 9.0), SERVING, [AnnounceReady()]),
        # running out of patience
        (LOADING, Ticked(29.9), LOADING, []),
        (LOADING, Ticked(30.0), HANGING, [TakeEvidence()]),
        (
            replace(LOADING, advance_until=110.0),
            Ticked(100.0),
            replace(HANGING, trouble=LoadTimedOut(100.0), evidence_until=130.0),
            [TakeEvidence()],
        ),
        (HANGING, EvidenceTaken(30.0), STALLED, GO),
        (HANGING, Ticked(59.9), HANGING, []),
        (HANGING, Ticked(60.0), replace(STALLED, kill_at=110.0), GO),
        # standing still
        (SERVING, StoodStill(9.0, 2, 100.0), WEDGED, [TakeEvidence()]),
        (WEDGED, EvidenceTaken(101.0), replace(STOPPING, trouble=Wedged(9.0, 2), kill_at=151.0), GO),
        (WEDGED, Exited(0, 101.0), replace(CRASHED, trouble=Wedged(9.0, 2), kill_at=121.0), GO),
        (
            WEDGED,
            StopAsked(101.0),
            replace(STOPPING, trouble=Wedged(9.0, 2), kill_at=151.0, is_asked_to_stop=True),
            GO,
        ),
        (
            replace(LOADING, readiness=Readiness.HEALTH),
            WRONG,
            Slot(
                LIMITS,
                Lifecycle.STOPPING,
                Readiness.HEALTH,
                trouble=WrongModel("SERVE_MAX_MODEL_LEN", "2048", "4096"),
                kill_at=55.0,
            ),
            GO,
        ),
        # ending by itself
        (LOADING, Exited(1, 5.0), replace(CRASHED, trouble=Crashed(1), kill_at=25.0), GO),
        (LOADING, CouldNotStart("no such file", 0.0), replace(CRASHED, trouble=NotStarted("no such file")), GO),
        (SERVING, Exited(-9, 0.0), CRASHED, GO),
        (SERVING, Exited(0, 0.0), replace(CRASHED, trouble=Crashed(0)), GO),  # to end politely is also to end
        # being asked to stop
        (EMPTY, StopAsked(0.0), STOPPED, [Finish()]),
        (LOADING, StopAsked(0.0), replace(ASKED, readiness=Readiness.NONE), GO),
        (SERVING, StopAsked(0.0), ASKED, GO),
        (ASKED, StopAsked(1.0), replace(ASKED, kill_at=inf), [KillEngine()]),
        # asked for the first time while it goes down by itself: that is no hurry
        (STALLED, StopAsked(31.0), replace(STALLED, is_asked_to_stop=True), []),
        (CRASHED, StopAsked(1.0), replace(CRASHED, is_asked_to_stop=True), []),
        (
            replace(CRASHED, is_asked_to_stop=True),
            StopAsked(1.0),
            replace(CRASHED, is_asked_to_stop=True, kill_at=inf),
            [KillEngine()],
        ),
        # the deadline
        (STOPPING, Ticked(49.9), STOPPING, []),
        (STOPPING, Ticked(50.0), replace(STOPPING, kill_at=inf), [KillEngine()]),
        (CRASHED, Ticked(20.0), replace(CRASHED, kill_at=inf), [KillEngine()]),
        # the main process is gone, others may be left
        (
            STOPPING,
            Exited(0, 2.0),
            replace(STOPPING, readiness=Readiness.NONE, kill_at=2.0 + ORPHAN_GRACE_S),
            [TerminateEngine()],
        ),
        (STOPPING, Exited(0, 45.0), replace(STOPPING, readiness=Readiness.NONE), [TerminateEngine()]),
        (STOPPING, CouldNotStart("no such file", 2.0), STOPPING, []),
        # none is left
        (STOPPING, Swept(), STOPPED, [Finish()]),
        (CRASHED, Swept(), replace(GONE, trouble=Crashed(-9)), [Finish()]),
        (STALLED, Swept(), replace(GONE, trouble=Stalled(30.0)), [Finish()]),
        # late, or told twice
        (EMPTY, Ticked(1.0), EMPTY, []),
        (LOADING, Climbed(Readiness.NONE, 9.0), LOADING, []),
        (
            replace(LOADING, readiness=Readiness.HEALTH),
            Climbed(Readiness.PROCESS, 9.0),
            replace(LOADING, readiness=Readiness.HEALTH),
            [],
        ),
        (SERVING, LogAdvanced(9.0), SERVING, []),
        (SERVING, Climbed(Readiness.GENERATED, 9.0), SERVING, []),
        (SERVING, WRONG, SERVING, []),
        (SERVING, Ticked(1e9), SERVING, []),
        (STOPPING, Climbed(Readiness.GENERATED, 9.0), STOPPING, []),
        (STOPPING, LogAdvanced(9.0), STOPPING, []),
        (STALLED, WRONG, STALLED, []),
        (STALLED, EvidenceTaken(70.0), STALLED, []),
        (STOPPING, StoodStill(9.0, 2, 1.0), STOPPING, []),
        (CRASHED, EvidenceTaken(1.0), CRASHED, []),
        (WEDGED, StoodStill(9.0, 2, 101.0), WEDGED, []),
        (WEDGED, LogAdvanced(101.0), WEDGED, []),
        (CRASHED, Exited(-9, 1.0), CRASHED, []),
        (CRASHED, CouldNotStart("no", 1.0), CRASHED, []),
        (CRASHED, Climbed(Readiness.GENERATED, 9.0), CRASHED, []),
        (STOPPED, Swept(), STOPPED, []),
        (STOPPED, StopAsked(9.0), STOPPED, []),
        (GONE, Ticked(9.0), GONE, []),
        (GONE, Exited(1, 9.0), GONE, []),
    ],
)
def test_step(given: Slot, event: Event, then: Slot, actions: list[Action]) -> None:
    assert step(given, event) == (then, actions)


@pytest.mark.parametrize(
    ("given", "event"),
    [
        (EMPTY, Exited(0, 0.0)),
        (EMPTY, Swept()),
        (EMPTY, StoodStill(9.0, 2, 0.0)),
        (WEDGED, Swept()),
        (EMPTY, LogAdvanced(0.0)),
        (EMPTY, Climbed(Readiness.PROCESS, 0.0)),
        (EMPTY, CouldNotStart("no", 0.0)),
        (LOADING, LoadAsked(0.0)),
        (LOADING, Swept()),  # swept before it ended
        (SERVING, Swept()),
        (SERVING, LoadAsked(0.0)),
        (SERVING, CouldNotStart("no", 0.0)),
        (STOPPING, LoadAsked(0.0)),
        (CRASHED, LoadAsked(0.0)),
    ],
)
def test_what_cannot_have_happened_is_the_callers_bug(given: Slot, event: Event) -> None:
    with pytest.raises(IllegalEvent, match=given.lifecycle.value):
        step(given, event)


@pytest.mark.parametrize(
    ("slot", "limit"),
    [(EMPTY, inf), (LOADING, 30.0), (SERVING, inf), (HANGING, 60.0), (STOPPING, 50.0), (STOPPED, inf)],
)
def test_the_next_limit_is_the_earliest(slot: Slot, limit: float) -> None:
    assert slot.next_limit == limit


def test_no_grace_is_longer_than_the_profile_allows() -> None:
    hurried = replace(SERVING, limits=replace(LIMITS, stop_grace_s=6.0))
    assert step(hurried, Exited(1, 0.0))[0].kill_at == 6.0


class _Engine:
    """What a real engine can do next, so that the histories are possible ones."""

    def __init__(self) -> None:
        self.runs, self.exists = False, False

    def possible(self, at: float) -> list[Event]:
        always: list[Event] = [StopAsked(at), Ticked(at)]
        if not self.exists:
            return always
        while_it_runs: list[Event] = [
            *(LogAdvanced(at), StoodStill(9.0, 1, at), EvidenceTaken(at), WRONG),
            *(Climbed(rung, at) for rung in Readiness),
        ]
        ends: list[Event] = [Exited(0, at), Exited(-9, at)] if self.runs else [Swept()]
        return always + while_it_runs + ends

    def obey(self, actions: list[Action]) -> None:
        if StartEngine() in actions:
            self.runs = self.exists = True

    def lived(self, event: Event) -> None:
        if isinstance(event, Exited):
            self.runs = False
        if isinstance(event, Swept):
            self.exists = False


@given(st.data())
def test_whatever_happens_the_slot_ends_only_when_nothing_of_the_engine_is_left(data: st.DataObject) -> None:
    engine, at = _Engine(), 0.0
    slot, actions = step(EMPTY, LoadAsked(at))
    engine.obey(actions)
    announced, asked, kill_at = 0, 0, slot.kill_at
    for _ in range(data.draw(st.integers(0, 25))):
        at += data.draw(st.sampled_from([0.0, 1.0, 25.0, 200.0]))
        event = data.draw(st.sampled_from(engine.possible(at)))
        asked += isinstance(event, StopAsked)
        engine.lived(event)
        slot, actions = step(slot, event)
        announced += AnnounceReady() in actions
        assert (Finish() in actions) <= (not engine.exists)
        assert slot.is_over <= (not engine.exists)
        assert (slot.lifecycle is Lifecycle.SERVING) <= (slot.readiness is Readiness.GENERATED)
        assert (slot.lifecycle in (Lifecycle.FAILED, Lifecycle.DEGRADED)) <= (slot.trouble is not None)
        # whoever has not asked twice has not asked for a kill before its time
        assert (KillEngine() in actions) <= (asked > 1 or at >= kill_at)
        kill_at = slot.kill_at
        assert announced <= 1


@given(st.lists(st.sampled_from([0.0, 5.0, 49.0, 51.0]), max_size=8))
def test_an_engine_that_ignores_everything_is_killed_by_its_deadline(pauses: list[float]) -> None:
    slot, _ = step(SERVING, StopAsked(0.0))
    at, killed_at = 0.0, None
    for pause in [*pauses, 51.0]:
        at += pause
        slot, actions = step(slot, Ticked(at))
        if KillEngine() in actions:
            killed_at = at
    assert killed_at is not None
    assert killed_at >= LIMITS.stop_grace_s
