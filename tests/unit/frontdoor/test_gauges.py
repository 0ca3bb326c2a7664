"""What is read when somebody asks, from what the frontdoor holds at that moment."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from calls import call, occupancy, watch
from snapshots import snapshot

from frontdoor.admission.admission import Admission, Limits
from frontdoor.engine.availability import paused
from frontdoor.record.call import Phase
from frontdoor.view.gauges import gauges
from frontdoor.view.occupancy import Occupancy
from frontdoor.watch.slot_watch import SlotWatch
from slot.state import LoadPhase


@dataclass
class Exchange:
    """As much of an exchange as its silence."""

    heard: float

    def silent_for(self, now: float) -> float:
        return now - self.heard


def values(watch: SlotWatch, held: Occupancy) -> dict[str, float]:
    """By `name`, or `name/label value/...`."""
    return {"/".join((r.name, *labels)): value for r in gauges(watch, held) for labels, value in r.values}


def test_an_empty_house() -> None:
    told = values(watch(), occupancy())
    assert told["frontdoor_active_generations"] == told["frontdoor_oldest_inflight_seconds"] == 0
    assert told["frontdoor_generation_cap"] == 8
    assert told["frontdoor_pooling_cap"] == 32
    assert told["frontdoor_connection_cap"] == 4096
    assert told["frontdoor_accepting"] == 0  # nobody has looked at the engine yet
    assert not [name for name in told if name.startswith("slot_") or "token" in name]


def test_open_requests_are_told_by_how_far_they_have_come() -> None:
    calls = [
        call(phase=Phase.QUEUED),
        call(phase=Phase.PREFILL, exchange=Exchange(105.0), started=99.0),
        call(phase=Phase.DECODE, exchange=Exchange(109.5)),
        call(phase=Phase.DECODE, exchange=Exchange(108.0)),
    ]
    told = values(watch(), occupancy(calls=calls))
    assert [told[f"frontdoor_inflight_requests/{phase}"] for phase in Phase] == [1, 0, 1, 2]
    assert told["frontdoor_oldest_inflight_seconds"] == 11.0
    assert told["frontdoor_upstream_silent_seconds/prefill"] == 5.0
    assert told["frontdoor_upstream_silent_seconds/decode"] == 2.0


def test_places_tokens_and_the_line() -> None:
    generations = Admission(Limits(1, max_waiting=4, kv_tokens=1000))
    ticket = generations.ask("a", None, 1.0, 100.0)
    generations.weigh(ticket, 1, 300, 1.0, 100.0)
    generations.ask("b", None, 1.0, 100.0)
    told = values(watch(), occupancy(generations=generations))
    names = ("active_generations", "queued_requests", "queue_cap", "active_kv_tokens", "kv_token_cap")
    assert [told[f"frontdoor_{name}"] for name in names] == [1, 1, 4, 300, 1000]


def test_what_was_counted_elsewhere() -> None:
    told = values(watch(), occupancy(connections=5, connections_refused=2, log_lines_dropped=3))
    assert told["frontdoor_connections"] == 5
    assert told["frontdoor_connections_refused_total"] == 2
    assert told["frontdoor_log_lines_dropped_total"] == 3


@pytest.mark.parametrize(("by_file", "by_socket", "told"), [(0, 0, [0, 0]), (1, 0, [0, 1]), (1, 1, [1, 0])])
def test_a_pause_is_told_with_its_way(by_file, by_socket, told) -> None:
    seen = watch()
    if by_file or by_socket:
        seen.closed = paused("by its pause file")
    found = values(seen, occupancy(paused="new model" if by_socket else None))
    assert [found[f"frontdoor_paused/{way}"] for way in ("control_socket", "pause_file")] == told


def test_a_slot_that_is_followed() -> None:
    seen = watch()
    seen.slot = snapshot(phase=LoadPhase.WEIGHTS, progress=0.5)
    told = values(seen, occupancy())
    assert told["slot_info/tiny-cpu/tiny/test"] == 1
    assert {name for name, value in told.items() if name.startswith(("slot_state", "slot_load_phase")) and value} == {
        "slot_state/loading",
        "slot_load_phase/weights",
    }
    assert told["slot_load_progress_ratio"] == 0.5
