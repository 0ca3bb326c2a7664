"""May a generation start now, as far as the slot is concerned, and if not: why, and when is it worth asking again?

Four sources, one answer each: an admin's pause, a profile that is followed and was never there, the supervisor's
snapshot (`slot.state`), or, where there is no supervisor, what the engine's own endpoints said. None means that nothing
speaks against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from frontdoor.refusal import Reason, Refusal, unreachable
from slot.load_words import phase_words
from slot.state import Lifecycle, SlotState

LOADING_RETRY_S = 5.0  # when nobody can tell how long the load will take
DOWN_RETRY_S = 30.0


class BackendState(StrEnum):
    """What an engine without a supervisor was last seen doing."""

    UNREACHABLE = "unreachable"
    LOADING = "loading"
    SERVING = "serving"


@dataclass(frozen=True)
class Backend:
    """One look at an engine's own endpoints. `model` is the first id of `/v1/models`, None where it is not told;
    `is_alone`: it is the only one.
    """

    state: BackendState
    url: str
    model: str | None = None
    since: float = 0.0
    is_alone: bool = True
    # the longest sequence of that model, where it is told: vLLM does
    max_model_len: int | None = None


def judge_answers(health: int | None, models: int | None, model_ids: list[str]) -> BackendState:
    """What the status codes of `/health` and `/v1/models` say; None: no connection.

    1. Neither answers                             -> unreachable
    2. `/health` fails by itself (5xx)             -> loading, or on its way out
    3. `/v1/models` wants a key (401, 403)         -> serving: the clients have one
    4. `/v1/models` names a model                  -> serving
    5. Otherwise                                   -> loading
    Not every OpenAI-compatible server has `/health`: a 404 there says nothing.
    """
    if health is None and models is None:  # 1
        return BackendState.UNREACHABLE
    if health is not None and health >= 500:  # 2
        return BackendState.LOADING
    if models in (401, 403):  # 3
        return BackendState.SERVING
    if models == 200 and model_ids:  # 4
        return BackendState.SERVING
    return BackendState.LOADING  # 5


def of_backend(backend: Backend) -> Refusal | None:
    if backend.state is BackendState.SERVING:
        return None
    if backend.state is BackendState.UNREACHABLE:
        return unreachable(backend.url)
    return Refusal(
        status=503,
        reason=Reason.LOADING,
        code="model_loading",
        message=f"the engine at {backend.url} answers but is not ready yet",
        retry_after_s=LOADING_RETRY_S,
        details={"state": "loading"},
    )


def paused(reason: str) -> Refusal:
    return Refusal(
        status=503,
        reason=Reason.PAUSED,
        code="paused",
        message=f"the frontdoor is paused: {reason}",
        retry_after_s=DOWN_RETRY_S,
    )


def without_profile(why: str) -> Refusal:
    """Whatever serves behind the door: with which limits and settings it may be asked, nobody has said."""
    return _down(Reason.STOPPED, why)


def of_slot(slot: SlotState | None, now: float) -> Refusal | None:
    """The verdict on a snapshot; None for the snapshot: there is no file. `now` is seconds since the epoch.

    1. No snapshot             -> stopped: no supervisor has run
    2. A final one             -> failed or stopped: believed at any age, nobody is left to rewrite it
    3. An abandoned one        -> stale: the supervisor is gone
    4. Serving                 -> nothing speaks against it
    5. Loading                 -> with progress
    6. Stopping, degraded      -> unavailable
    """
    if slot is None:  # 1
        return _down(Reason.STOPPED, "no slot is running: no supervisor has written its state")
    if slot.state is Lifecycle.FAILED:  # 2
        return _failed(slot)
    if slot.state is Lifecycle.STOPPED:  # 2
        return _down(Reason.STOPPED, "the slot is stopped: no model is loaded", slot)
    if slot.is_abandoned(now):  # 3
        silent_s = now - slot.updated_at
        last = (
            f"nothing heard of it for {silent_s:.0f} s"
            if silent_s >= 0
            else "its last word is from before a clock change"
        )
        return _down(Reason.STALE, f"the slot's supervisor is gone: {last}", slot)
    if slot.state is Lifecycle.SERVING:  # 4
        return None
    if slot.state is Lifecycle.LOADING:  # 5
        return _loading(slot)
    if slot.state is Lifecycle.STOPPING:  # 6
        return _down(Reason.STOPPING, f"{slot.profile.name} is being stopped", slot)
    return _down(Reason.DEGRADED, f"{slot.profile.name} is not well and will be restarted", slot)  # 6


def _down(reason: Reason, message: str, slot: SlotState | None = None) -> Refusal:
    return Refusal(
        status=503,
        reason=reason,
        code="backend_unavailable",
        message=message,
        retry_after_s=DOWN_RETRY_S,
        details={"state": slot.state if slot else "stopped"},
    )


def _failed(slot: SlotState) -> Refusal:
    failure = slot.failure
    cause = failure.cause if failure else "unknown cause"
    return Refusal(
        status=503,
        reason=Reason.FAILED,
        code="backend_unavailable",
        message=f"{slot.profile.name} has failed: {cause}",
        retry_after_s=DOWN_RETRY_S,
        retry_can_help=False,
        details={"state": slot.state},
    )


def _loading(slot: SlotState) -> Refusal:
    words = [f"{slot.profile.name} is loading"]
    if slot.phase is not None:
        words.append(phase_words(slot.phase))
    if slot.progress is not None:
        words.append(f"{slot.progress:.0%}")
    if slot.eta_s is not None:
        words.append(f"ready in about {slot.eta_s:.0f} s")
    return Refusal(
        status=503,
        reason=Reason.LOADING,
        code="model_loading",
        message=", ".join(words),
        retry_after_s=slot.eta_s if slot.eta_s is not None else LOADING_RETRY_S,
        details={"state": slot.state, "phase": slot.phase, "progress": slot.progress, "eta_s": slot.eta_s},
    )
