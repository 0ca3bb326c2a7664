"""What a slot says of itself as plain data: for the tests of who writes it, and of who reads it."""

from __future__ import annotations

from slot.state import Failure, Lifecycle, ProfileFacts, SlotState

FACTS = ProfileFacts(
    name="tiny-cpu", title="A tiny model", hf_id="nobody/tiny", modalities="text", status="test", sha256="0"
)

FAILURE = Failure(
    cause="the GPU was lost",
    detail="UR_RESULT_ERROR_DEVICE_LOST",
    remedy="reset it",
    restart_can_help=False,
    exit_code=1,
    signal=None,
    at=0.0,
)


def snapshot(state: Lifecycle = Lifecycle.LOADING, **facts: object) -> SlotState:
    """Of tiny-cpu, since 0.0 and told at 0.0, with these facts set."""
    plain: dict[str, object] = {
        "since": 0.0,
        "updated_at": 0.0,
        "profile": FACTS,
        "served_model_name": "tiny",
        "engine_url": "http://127.0.0.1:18080",
        "supervisor_pid": 1,
    }
    return SlotState(state=state, **plain | facts)  # type: ignore[arg-type]
