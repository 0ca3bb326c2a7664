"""What others see of the slot: its state put into one value, and into one line for people."""

from __future__ import annotations

from slot.load_words import phase_words, time_words
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
            left = "" if state.eta_s is None else f", {time_words(state.eta_s)} left"
            return f"{words}, {phase_words(state.phase)} {100 * (state.progress or 0):.0f} %{left}"
        case _ if state.failure is not None:
            return f"{words}: {state.failure.cause}"
        case _:
            return words
