"""The slot in one line, as `systemctl status` shows it."""

from __future__ import annotations

import pytest
from snapshots import FAILURE, snapshot

from slot.state import Lifecycle, LoadPhase, SlotState
from slot.supervisor.snapshot import status_line


def loading(phase: LoadPhase, progress: float, eta_s: float | None = None) -> SlotState:
    return snapshot(phase=phase, progress=progress, eta_s=eta_s)


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (snapshot(Lifecycle.STOPPED), "tiny-cpu: stopped"),
        (loading(LoadPhase.STARTING, 0.0), "tiny-cpu: loading, starting 0 %"),
        (loading(LoadPhase.WEIGHTS, 0.454, 89.4), "tiny-cpu: loading, weights 45 %, 89 s left"),
        (loading(LoadPhase.COMPILE, 0.5, 90.0), "tiny-cpu: loading, compile 50 %, 2 min left"),
        (snapshot(Lifecycle.SERVING, phase=LoadPhase.READY, progress=1.0), "tiny-cpu: serving"),
        (snapshot(Lifecycle.STOPPING), "tiny-cpu: stopping"),
        (snapshot(Lifecycle.STOPPING, failure=FAILURE), "tiny-cpu: stopping: the GPU was lost"),
        (snapshot(Lifecycle.FAILED, failure=FAILURE), "tiny-cpu: failed: the GPU was lost"),
    ],
)
def test_status_line(shown: SlotState, line: str) -> None:
    assert status_line(shown) == line
