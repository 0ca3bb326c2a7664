"""What a snapshot of the slot, or an engine's own answers, say about the next request."""

from __future__ import annotations

import pytest
from snapshots import FAILURE, snapshot

from frontdoor.engine.availability import Backend, BackendState, judge_answers, of_backend, of_slot, paused
from frontdoor.refusal import Reason
from slot.state import STALE_AFTER_S, Lifecycle, LoadPhase, SlotState

NOW = 1_000_000.0
OLD = STALE_AFTER_S + 0.1


def told(state: Lifecycle, age_s: float = 0.0, **facts: object) -> SlotState:
    """A snapshot that is so old."""
    return snapshot(state, updated_at=NOW - age_s, **facts)


@pytest.mark.parametrize(
    ("slot", "reason", "code"),
    [
        (None, Reason.STOPPED, "backend_unavailable"),
        (told(Lifecycle.STOPPED), Reason.STOPPED, "backend_unavailable"),
        (told(Lifecycle.STOPPED, OLD), Reason.STOPPED, "backend_unavailable"),
        (told(Lifecycle.FAILED), Reason.FAILED, "backend_unavailable"),
        (told(Lifecycle.FAILED, OLD), Reason.FAILED, "backend_unavailable"),
        (told(Lifecycle.LOADING), Reason.LOADING, "model_loading"),
        (told(Lifecycle.LOADING, OLD), Reason.STALE, "backend_unavailable"),
        (told(Lifecycle.STOPPING), Reason.STOPPING, "backend_unavailable"),
        (told(Lifecycle.STOPPING, OLD), Reason.STALE, "backend_unavailable"),
        (told(Lifecycle.DEGRADED), Reason.DEGRADED, "backend_unavailable"),
        (told(Lifecycle.SERVING, OLD), Reason.STALE, "backend_unavailable"),
        (told(Lifecycle.SERVING, -OLD), Reason.STALE, "backend_unavailable"),  # the clock was set back since
    ],
)
def test_why_a_generation_cannot_start(slot, reason, code) -> None:
    refusal = of_slot(slot, NOW)
    assert refusal is not None
    assert (refusal.status, refusal.reason, refusal.code) == (503, reason, code)
    assert 1 <= int(refusal.headers()["Retry-After"]) <= 30


@pytest.mark.parametrize("age_s", [0.0, STALE_AFTER_S])
def test_a_serving_slot_that_was_heard_of_is_open(age_s) -> None:
    assert of_slot(told(Lifecycle.SERVING, age_s), NOW) is None


def test_a_failed_slot_tells_its_cause_and_that_waiting_is_no_use() -> None:
    refusal = of_slot(told(Lifecycle.FAILED, failure=FAILURE), NOW)
    assert refusal is not None
    assert refusal.message == "tiny-cpu has failed: the GPU was lost"
    assert refusal.headers()["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("phase", "progress", "eta_s", "message", "retry_after"),
    [
        (None, None, None, "tiny-cpu is loading", "5"),
        (LoadPhase.WEIGHTS, 0.25, 12.2, "tiny-cpu is loading, weights, 25%, ready in about 12 s", "13"),
        (LoadPhase.GRAPH_CAPTURE, 0.996, 300.0, "tiny-cpu is loading, graph capture, 100%, ready in about 300 s", "30"),
        (LoadPhase.STARTING, 0.0, 0.0, "tiny-cpu is loading, starting, 0%, ready in about 0 s", "1"),
    ],
)
def test_a_loading_slot_tells_how_far_it_is(phase, progress, eta_s, message, retry_after) -> None:
    refusal = of_slot(told(Lifecycle.LOADING, phase=phase, progress=progress, eta_s=eta_s), NOW)
    assert refusal is not None
    assert refusal.message == message
    assert refusal.details == {"state": "loading", "phase": phase, "progress": progress, "eta_s": eta_s}
    assert refusal.headers()["Retry-After"] == retry_after


@pytest.mark.parametrize(
    ("health", "models", "ids", "expected"),
    [
        (None, None, [], BackendState.UNREACHABLE),
        (200, 200, ["tiny"], BackendState.SERVING),
        (404, 200, ["tiny"], BackendState.SERVING),
        (None, 200, ["tiny"], BackendState.SERVING),
        (200, 200, [], BackendState.LOADING),
        (200, 404, [], BackendState.LOADING),
        (200, None, [], BackendState.LOADING),
        (503, 200, ["tiny"], BackendState.LOADING),
        (500, 500, [], BackendState.LOADING),
        (499, 200, ["tiny"], BackendState.SERVING),
        (200, 401, [], BackendState.SERVING),
        (401, 403, [], BackendState.SERVING),
    ],
)
def test_what_the_answers_of_an_engine_mean(health, models, ids, expected) -> None:
    assert judge_answers(health, models, ids) is expected


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (BackendState.SERVING, None),
        (BackendState.LOADING, Reason.LOADING),
        (BackendState.UNREACHABLE, Reason.UNREACHABLE),
    ],
)
def test_an_engine_without_a_supervisor(state, reason) -> None:
    refusal = of_backend(Backend(state, "http://127.0.0.1:1"))
    assert (refusal and refusal.reason) == reason


def test_a_pause_is_the_admins_word() -> None:
    told = paused("for a switch")
    assert (told.status, told.code) == (503, "paused")
    assert "for a switch" in told.message
