"""Stops and starts the slot's unit, and tells the engine's own time from everybody else's.

systemd does it and says when it is done; the slot's snapshot, looked at meanwhile, says how long the engine took of it.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from slot import state, units
from slot.state import FINAL, Lifecycle, SlotState

LOOK_S = 0.05


@dataclass(frozen=True)
class Ended:
    """How a job of systemd's went. `complaint`: why it failed, None: it did not. `engine_s`: what the engine took."""

    complaint: str | None
    engine_s: float


class Spans:
    """When the slot came into which state, by its own word."""

    def __init__(self, since: float) -> None:
        self._began = since
        self._seen: dict[Lifecycle, float] = {}

    def see(self, slot: SlotState | None) -> None:
        if slot is not None and slot.updated_at >= self._began:
            self._seen.setdefault(slot.state, slot.since)

    def load_s(self) -> float:
        return self._between(Lifecycle.LOADING, (Lifecycle.SERVING, *FINAL, Lifecycle.STOPPING))

    def stop_s(self) -> float:
        return self._between(Lifecycle.STOPPING, FINAL)

    def _between(self, first: Lifecycle, then: tuple[Lifecycle, ...]) -> float:
        began = self._seen.get(first)
        ended = next((self._seen[each] for each in then if each in self._seen), None)
        return max(0.0, ended - began) if began is not None and ended is not None else 0.0


def stop(state_file: Path, limit_s: float) -> Ended:
    """Until none of its processes is left: also cancels a restart that systemd has in mind. Raises units.Refusal."""
    spans = Spans(time.time())
    complaint = _watched(units.stop(units.SLOT), state_file, limit_s, spans)
    return Ended(complaint, spans.stop_s())


def start(state_file: Path, limit_s: float) -> Ended:
    """Until it has generated a token, or failed for the first time. Raises units.Refusal."""
    units.run("reset-failed", units.SLOT, timeout_s=units.LOOK_TIMEOUT_S)  # the start limit is for crashes
    spans = Spans(time.time())
    complaint = _watched(units.start(units.SLOT), state_file, limit_s, spans)
    return Ended(complaint, spans.load_s())


def _watched(job: subprocess.Popen[str], state_file: Path, limit_s: float, spans: Spans) -> str | None:
    with job:
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            spans.see(state.read_if_sound(state_file))
            try:
                _, complaint = job.communicate(timeout=LOOK_S)
            except subprocess.TimeoutExpired:
                continue
            spans.see(state.read_if_sound(state_file))
            return None if job.returncode == 0 else (complaint.strip() or f"systemctl ended with {job.returncode}")
        job.kill()
        return f"it has not ended within {limit_s:.0f} s"
