"""The files that a supervisor and an admin would write, for a frontdoor that follows them."""

from __future__ import annotations

import time
from pathlib import Path

from snapshots import snapshot

from slot.atomic_file import write_atomically
from slot.state import Lifecycle, encode

PROFILE = """\
MODEL_SLOT_NAME=tiny-cpu
MODEL_SLOT_TITLE='A tiny model'
MODEL_SLOT_HF_ID=nobody/tiny
MODEL_SLOT_MODALITIES=text
MODEL_SLOT_STATUS=test
MODEL_SLOT_ENGINE=simulator
SERVE_SERVED_MODEL_NAME=tiny
SERVE_MAX_MODEL_LEN=2048
SERVE_MAX_NUM_SEQS=4
SERVE_PORT=1
FRONTDOOR_MAX_ACTIVE_GENERATIONS={cap}
"""


class SlotFiles:
    """The profile is there from the beginning, the state once it is told, the pause file when a test touches it.

    `settings` are those of a frontdoor that follows these files.
    """

    def __init__(self, directory: Path, engine_url: str) -> None:
        self._engine_url = engine_url
        self._state, self.pause = directory / "state.json", directory / "pause"
        self.profile = directory / "current.env"
        self.settings = {
            "active_profile": str(self.profile),
            "slot_state": str(self._state),
            "pause_file": str(self.pause),
        }
        self.set_profile()

    def set_profile(self, *, cap: int = 2, more: str = "") -> None:
        write_atomically(self.profile, (PROFILE.format(cap=cap) + more).encode())

    def tell(self, state: Lifecycle, **facts: object) -> None:
        """The state is this since now, with these facts of `SlotState`."""
        now = {"since": time.time(), "updated_at": time.time()}
        write_atomically(self._state, encode(snapshot(state, engine_url=self._engine_url, **now | facts)))
