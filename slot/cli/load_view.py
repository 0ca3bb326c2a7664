"""How a load is told: its phase, how far it is, and how long it will take."""

from __future__ import annotations

from slot.cli.moment_view import Moment
from slot.load_words import phase_words, time_words
from slot.state import Lifecycle, SlotState


def load_moment(slot: SlotState) -> Moment | None:
    """None: it does not load, or does not say at what it is."""
    if slot.state is not Lifecycle.LOADING or slot.phase is None:
        return None
    phase = phase_words(slot.phase)
    return Moment("loading", f"loading: {phase}", slot.progress, left(slot.eta_s), news=phase)


def left(eta_s: float | None) -> str:
    """Nothing where it is not known, or over in a moment."""
    if eta_s is None or eta_s < 1:
        return ""
    return f"about {time_words(eta_s)} left"
