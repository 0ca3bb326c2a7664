"""The slot in one line, as `systemctl status` shows it."""

from __future__ import annotations

import pytest

from slot.state import Failure, Lifecycle, LoadPhase, ProfileFacts, SlotState
from slot.supervisor.snapshot import status_line

FAILURE = Failure(
    cause="a GPU was lost", detail="", remedy="", restart_can_help=False, exit_code=1, signal=None, at=0.0
)


def state(
    lifecycle: Lifecycle,
    phase: LoadPhase | None = None,
    progress: float | None = None,
    eta_s: float | None = None,
    failure: Failure | None = None,
) -> SlotState:
    return SlotState(
        state=lifecycle,
        since=0.0,
        updated_at=0.0,
        phase=phase,
        progress=progress,
        eta_s=eta_s,
        profile=ProfileFacts(name="gemma", title="", hf_id="", modalities="text", status="test", sha256=""),
        served_model_name="gemma",
        engine_url="",
        supervisor_pid=1,
        failure=failure,
    )


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (state(Lifecycle.STOPPED), "gemma: stopped"),
        (state(Lifecycle.LOADING, LoadPhase.STARTING, 0.0), "gemma: loading, starting 0 %"),
        (state(Lifecycle.LOADING, LoadPhase.WEIGHTS, 0.454, 89.4), "gemma: loading, weights 45 %, 89 s left"),
        (state(Lifecycle.LOADING, LoadPhase.COMPILE, 0.5, 90.0), "gemma: loading, compile 50 %, 2 min left"),
        (state(Lifecycle.SERVING, LoadPhase.READY, 1.0), "gemma: serving"),
        (state(Lifecycle.STOPPING), "gemma: stopping"),
        (state(Lifecycle.STOPPING, failure=FAILURE), "gemma: stopping: a GPU was lost"),
        (state(Lifecycle.FAILED, failure=FAILURE), "gemma: failed: a GPU was lost"),
    ],
)
def test_status_line(shown: SlotState, line: str) -> None:
    assert status_line(shown) == line
