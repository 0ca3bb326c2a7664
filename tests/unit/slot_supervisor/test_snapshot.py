"""The slot in one line, as `systemctl status` shows it."""

from __future__ import annotations

import msgspec
import pytest
from snapshots import FAILURE, snapshot

from slot.state import Lifecycle, LoadPhase, ProfileFacts, Recovery, RecoveryStage, SlotState
from slot.supervisor.snapshot import restarts_after, status_line


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
        (snapshot(Lifecycle.DEGRADED, failure=FAILURE), "tiny-cpu: degraded: the GPU was lost"),
        (
            snapshot(Lifecycle.DEGRADED, failure=FAILURE, recovery=Recovery(stage=RecoveryStage.QUIET)),
            "tiny-cpu: degraded, a card failed; leaving the cards alone for a while",
        ),
        (
            snapshot(Lifecycle.FAILED, failure=FAILURE, recovery=Recovery(stage=RecoveryStage.DONE)),
            "tiny-cpu: failed: the GPU was lost",
        ),
    ],
)
def test_status_line(shown: SlotState, line: str) -> None:
    assert status_line(shown) == line


FAILED = snapshot(Lifecycle.FAILED, failure=FAILURE, restarts=2)
OTHER = msgspec.structs.replace(FAILED.profile, name="other")
EDITED = msgspec.structs.replace(FAILED.profile, sha256="edited")


@pytest.mark.parametrize(
    ("previous", "profile", "restarts"),
    [
        (None, FAILED.profile, 0),
        (FAILED, FAILED.profile, 3),
        (FAILED, OTHER, 0),
        (FAILED, EDITED, 0),
        (snapshot(Lifecycle.STOPPED, restarts=2), FAILED.profile, 0),
        (snapshot(Lifecycle.SERVING, restarts=2), FAILED.profile, 3),  # its supervisor was killed
        (snapshot(Lifecycle.FAILED), FAILED.profile, 1),
    ],
)
def test_how_many_starts_followed_a_failure(previous: SlotState | None, profile: ProfileFacts, restarts: int) -> None:
    assert restarts_after(previous, profile) == restarts
