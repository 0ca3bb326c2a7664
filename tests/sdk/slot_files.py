"""The files that a supervisor and an admin would write, for a frontdoor that follows them."""

from __future__ import annotations

import time
from pathlib import Path

from sdk.apis import MODEL

from slot.atomic_file import write_atomically
from slot.state import ProfileFacts, SlotState, encode

PROFILE = f"""\
MODEL_SLOT_NAME=tiny-cpu
MODEL_SLOT_TITLE='A tiny model'
MODEL_SLOT_HF_ID=nobody/tiny
MODEL_SLOT_MODALITIES=text
MODEL_SLOT_STATUS=test
MODEL_SLOT_ENGINE=simulator
SERVE_SERVED_MODEL_NAME={MODEL}
SERVE_MAX_MODEL_LEN=2048
SERVE_MAX_NUM_SEQS=4
SERVE_PORT=1
FRONTDOOR_MAX_ACTIVE_GENERATIONS=2
"""


class SlotFiles:
    """`settings` are those of a frontdoor that follows these files."""

    def __init__(self, directory: Path, engine_url: str) -> None:
        self._state, self.pause = directory / "state.json", directory / "pause"
        self._engine_url = engine_url
        profile = directory / "current.env"
        write_atomically(profile, PROFILE.encode())
        self.settings = {"active_profile": profile, "slot_state": self._state, "pause_file": self.pause}

    def tell(self, **state: object) -> None:
        """The fields of `SlotState` that are not always the same."""
        facts = ProfileFacts(
            name="tiny-cpu", title="A tiny model", hf_id="nobody/tiny", modalities="text", status="test", sha256="0"
        )
        always = {"profile": facts, "served_model_name": MODEL, "engine_url": self._engine_url, "supervisor_pid": 1}
        now = {"since": time.time(), "updated_at": time.time()}
        write_atomically(self._state, encode(SlotState(**always | now | state)))
