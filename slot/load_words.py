"""A load in words for people: the same ones at a terminal, in systemd's line of status and in a 503."""

from __future__ import annotations

from slot.state import LoadPhase


def phase_words(phase: LoadPhase | None) -> str:
    """`graph capture`; a load that is in no phase yet is starting."""
    return (phase or LoadPhase.STARTING).replace("_", " ")


def time_words(seconds: float) -> str:
    """`89 s`, `2 min`: as exact as a guess can be."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
