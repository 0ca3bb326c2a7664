"""What the ends of a drain mean, and what a slot's own words on its times come to."""

from __future__ import annotations

import msgspec
import pytest

from slot.state import Lifecycle, ProfileFacts, SlotState
from slot.switch.door import Left, Reply
from slot.switch.entrance import drained
from slot.switch.progress import Draining
from slot.switch.slot_unit import Spans
from slot.switch.steps import Done, Event, NotDrained

STATE = SlotState(
    state=Lifecycle.LOADING,
    since=100.0,
    updated_at=100.0,
    profile=ProfileFacts(name="a", title="", hf_id="", modalities="text", status="test", sha256="a" * 64),
    served_model_name="a",
    engine_url="http://127.0.0.1:18080",
    supervisor_pid=1,
)


@pytest.mark.parametrize(
    ("left", "event"),
    [
        (Left(Reply.DONE, 0, 0, 0.0), Done()),
        (Left(Reply.RESUMED, 3, 0, 9.0), NotDrained("somebody has resumed the frontdoor meanwhile")),
        (Left(Reply.TIMEOUT, 1, 0, 41.4), NotDrained("1 request still there after 60 s, the oldest for 41 s")),
        (Left(Reply.TIMEOUT, 3, 2, 70.0), NotDrained("5 requests still there after 60 s, the oldest for 70 s")),
    ],
)
def test_how_a_drain_ended(left: Left, event: Event) -> None:
    assert drained(left, 60.0) == event


@pytest.mark.parametrize(
    ("draining", "words"),
    [
        (Draining(3, 0, 41.2, 8), "draining 3 of 8, oldest 41 s"),
        (Draining(1, 2, 5.0, 3), "draining 3 of 3, oldest 5 s"),
        (Draining(2, 2, 5.0, 3), "draining 4 of 4, oldest 5 s"),
        (Draining(0, 0, 0.0, 8), "draining 0 of 8"),
    ],
)
def test_how_far_a_drain_is(draining: Draining, words: str) -> None:
    assert str(draining) == words


def at(lifecycle: Lifecycle, since: float) -> SlotState:
    return msgspec.structs.replace(STATE, state=lifecycle, since=since, updated_at=since)


def test_whose_time_a_load_and_a_stop_are() -> None:
    spans = Spans(50.0)
    for lifecycle, since in ((Lifecycle.LOADING, 100.0), (Lifecycle.LOADING, 100.0), (Lifecycle.SERVING, 180.5)):
        spans.see(at(lifecycle, since))
    assert spans.load_s() == 80.5
    assert spans.stop_s() == 0.0
    stop = Spans(50.0)
    stop.see(at(Lifecycle.STOPPING, 60.0))
    stop.see(at(Lifecycle.STOPPED, 66.0))
    assert stop.stop_s() == 6.0


def test_what_was_written_before_is_none_of_it() -> None:
    spans = Spans(150.0)
    spans.see(at(Lifecycle.STOPPING, 100.0))
    spans.see(None)
    spans.see(at(Lifecycle.STOPPED, 160.0))
    assert spans.stop_s() == 0.0
