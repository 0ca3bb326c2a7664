"""What others see of the slot: its state put into one value, and into one line for people; and what came before."""

from __future__ import annotations

import os

from slot.load_words import phase_words, time_words
from slot.profiles.profile import Profile
from slot.state import Lifecycle, ProfileFacts, RecoveryStage, SlotState

_RECOVERING = {
    RecoveryStage.QUIET: "a card failed; leaving the cards alone for a while",
    RecoveryStage.PROBING: "a card failed; asking each card whether it is well",
    RecoveryStage.DONE: "a card failed; the cards have been asked",
}


def profile_facts(profile: Profile) -> ProfileFacts:
    return ProfileFacts(
        name=profile.name,
        title=profile.title,
        hf_id=profile.hf_id,
        modalities=",".join(profile.modalities),
        status=profile.status,
        sha256=profile.sha256,
    )


def blank(
    profile: Profile, *, engine_url: str, simulated: bool, now: float, previous: SlotState | None = None
) -> SlotState:
    """Of a slot in which nothing was started (yet): FAILED, since whoever shows it so has something to tell of that.

    `previous`: the last words of the supervisor before this one.
    """
    facts = profile_facts(profile)
    return SlotState(
        state=Lifecycle.FAILED,
        since=now,
        updated_at=now,
        profile=facts,
        restarts=restarts_after(previous, facts),
        served_model_name=profile.served_model_name,
        engine_url=engine_url,
        supervisor_pid=os.getpid(),
        simulated=simulated,
    )


def restarts_after(previous: SlotState | None, profile: ProfileFacts) -> int:
    """How many starts in a row followed a failure of this profile. `previous` is the last words before this start.

    1. Another profile's, or none: this is a first start.
    2. Stopped in peace: so is this.
    3. Failed, or no last word at all, since its supervisor was killed: one more.
    """
    if previous is None or (previous.profile.name, previous.profile.sha256) != (profile.name, profile.sha256):
        return 0  # 1
    return 0 if previous.state is Lifecycle.STOPPED else previous.restarts + 1  # 2, 3


def status_line(state: SlotState) -> str:
    """`gemma: loading, weights 45 %, 2 min left` and the like, without a line break."""
    words = f"{state.profile.name}: {state.state.value}"
    match state.state:
        case Lifecycle.LOADING if state.phase is not None:
            left = "" if state.eta_s is None else f", {time_words(state.eta_s)} left"
            return f"{words}, {phase_words(state.phase)} {100 * (state.progress or 0):.0f} %{left}"
        case Lifecycle.DEGRADED if state.recovery is not None:
            return f"{words}, {_RECOVERING[state.recovery.stage]}"
        case _ if state.failure is not None:
            return f"{words}: {state.failure.cause}"
        case _:
            return words
