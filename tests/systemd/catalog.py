"""The profiles of the booted tests: simulated engines that load in 0.4 s, some of which come to a bad end.

    sim-a, sim-b   serve; under names of their own, so that an answer tells which of them gave it
    sim-bad        dies while it loads, of something that a restart cannot help
    sim-wedge      serves, and after some tokens stands still: no token, no error, /health says 200
    sim-lost       serves, and after some tokens loses its device

They lie beside the profiles that come with the product, where every verb and unit finds them without being told.
`profile` makes others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from systemd.machine import Machine

A, B, BAD, WEDGE, LOST = "sim-a", "sim-b", "sim-bad", "sim-wedge", "sim-lost"

# A readiness probe costs a token, and so does each look at an idle engine; the first real answer is longer than this.
TOKENS_BEFORE_THE_END = 12

_PROFILE = """\
MODEL_SLOT_NAME={name}
MODEL_SLOT_STATUS=test
MODEL_SLOT_STATUS_REASON="For the tests."
MODEL_SLOT_ENGINE=simulator
MODEL_SLOT_HF_ID=simulated/{name}
MODEL_SLOT_MODALITIES=text
MODEL_SLOT_LOAD_TIMEOUT_S=60
MODEL_SLOT_STALL_TIMEOUT_S=30
MODEL_SLOT_STOP_GRACE_S=6
SERVE_HOST=127.0.0.1
SERVE_PORT=18080
SERVE_SERVED_MODEL_NAME={name}
SERVE_MAX_MODEL_LEN=4096
SERVE_MAX_NUM_SEQS=4
FRONTDOOR_MAX_ACTIVE_GENERATIONS=4
FRONTDOOR_PORT=8000
MODEL_SLOT_MEASURED_LOAD_S=0.4
MODEL_SLOT_MEASURED_WEIGHTS_S=0.2
MODEL_SLOT_MEASURED_COMPILE_S=0.1
MODEL_SLOT_MEASURED_GRAPH_CAPTURE_S=0.05
MODEL_SLOT_MEASURED_KV_TOKENS=65536
MODEL_SLOT_MEASURED_TTFT_S=0.01
MODEL_SLOT_MEASURED_PREFILL_TOKENS_PER_S=20000
MODEL_SLOT_MEASURED_DECODE_TOKENS_PER_S='{{"1":60,"4":220}}'
"""


def profile(name: str, *faults: str, **keys: object) -> str:
    """The text of one. `faults`: as `--simulator-fault` takes them. `keys`: lines in the place of others, or more."""
    words = [word for fault in faults for word in ("--simulator-fault", fault)]
    extra: Mapping[str, object] = {"MODEL_SLOT_EXTRA_ARGS": f"'{json.dumps(words)}'"} if words else {}
    changed = {**extra, **keys}
    kept = [line for line in _PROFILE.format(name=name).splitlines() if line.partition("=")[0] not in changed]
    return "\n".join([*kept, *(f"{key}={value}" for key, value in changed.items()), ""])


def profiles() -> dict[str, str]:
    """The text of each, by name."""
    after = f"after_tokens={TOKENS_BEFORE_THE_END}"
    return {
        A: profile(A),
        B: profile(B),
        BAD: profile(BAD, "crash_loading:text=context_does_not_fit"),
        WEDGE: profile(WEDGE, f"wedge:{after}", MODEL_SLOT_WEDGE_TIMEOUT_S=2),
        LOST: profile(LOST, f"device_lost:{after}"),
    }


def place_in(machine: Machine, venv: Path, more: Mapping[str, str]) -> Path:
    """Puts them into the catalog of the product in `venv`, and returns that directory, as seen from inside.

    `more`: the text of others, by name.
    """
    ask = "from slot.paths import shipped; print(shipped('configs/model-slots'))"
    directory = Path(machine.run([venv / "bin/python", "-c", ask]).stdout.strip())
    for name, text in {**profiles(), **more}.items():
        machine.write(str(directory / f"{name}.env"), text)
    return directory
