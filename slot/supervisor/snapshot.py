"""What others see of the slot: its state put into one value, and into one line for people."""

from __future__ import annotations

from slot.profiles.profile import Profile
from slot.state import Lifecycle, ProfileFacts, SlotState


def profile_facts(profile: Profile) -> ProfileFacts:
    return ProfileFacts(
        name=profile.name,
        title=profile.title,
        hf_id=profile.hf_id,
        modalities=",".join(profile.modalities),
        status=profile.status,
        sha256=profile.sha256,
    )


def status_line(state: SlotState) -> str:
    """`gemma: loading, weights 45 %, 2 min left` and the like, without a line break."""
    words = f"{state.profile.name}: {state.state.value}"
    match state.state:
        case Lifecycle.LOADING if state.phase is not None:
            return f"{words}, {state.phase.value} {100 * (state.progress or 0):.0f} %{_left(state.eta_s)}"
        case _ if state.failure is not None:
            return f"{words}: {state.failure.cause}"
        case _:
            return words


def _left(eta_s: float | None) -> str:
    if eta_s is None:
        return ""
    return f", {eta_s:.0f} s left" if eta_s < 90 else f", {eta_s / 60:.0f} min left"
