"""Once with real vLLM: the installed slot loads it in the unit's own sandbox, serves, and lets it go again.

What the simulator cannot show: that vLLM's own processes, compiled kernels, shared memory and caches get along with
what the unit denies them. The engine is where `scripts/engine-venv` has put it, and is shown read-only inside, at the
same path: a venv's programs name their interpreter by it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from systemd import catalog
from systemd.bringing import CHECKOUT
from systemd.installed import SLOT, Installed, bring, install
from systemd.load import Sort, chat
from systemd.machine import Machine

from slot.host.engine_venv import is_installed, lock_file
from slot.host.engines import CPU

pytestmark = [pytest.mark.systemd, pytest.mark.engine, pytest.mark.timeout(400)]

DATA_DIR = Path(os.environ.get("SLOT_DATA_DIR") or CHECKOUT / ".slot-data").resolve()
VENV, MODEL_DIR = DATA_DIR / CPU.directory, DATA_DIR / "models/tiny-qwen3"
LOAD_PATIENCE_S = 280.0

PROFILE = "tiny-shown"
TEXT = f"""\
MODEL_SLOT_NAME={PROFILE}
MODEL_SLOT_EXTENDS=tiny-cpu
MODEL_SLOT_STATUS=test
MODEL_SLOT_STATUS_REASON="For the tests."
MODEL_SLOT_VENV={VENV}
MODEL_SLOT_MODEL_DIR={MODEL_DIR}
"""


@pytest.fixture(scope="module")
def installed(boot_for_all: Callable[..., Machine], wheel: Path, require: Callable[[object, str], None]) -> Installed:
    is_there = is_installed(VENV, lock_file(CPU)) and MODEL_DIR.is_dir()
    require(is_there, f"REAL vLLM IS NOT INSTALLED in {DATA_DIR}: run scripts/engine-venv")
    interpreter = (VENV / "bin/python").resolve().parents[1]
    # what is below /usr is in every machine, and stays writable there
    shown = {str(path): path for path in (VENV, MODEL_DIR, interpreter) if not path.is_relative_to("/usr")}
    return install(bring(boot_for_all(shown=shown, disk_mib=1024), wheel, {PROFILE: TEXT}), PROFILE)


def test_real_vllm_lives_in_the_units_sandbox(installed: Installed) -> None:
    installed.start(timeout=LOAD_PATIENCE_S)
    state = installed.until_state("serving", PROFILE)
    assert (state.simulated, state.engine.version) == (False, CPU.version)
    installed.until_served("tiny-qwen3")
    streamed = chat(installed.machine, stream=True, max_tokens=32, ignore_eos=True)
    assert (streamed.sort, streamed.model) == (Sort.OK, "tiny-qwen3"), streamed
    assert installed.machine.show(SLOT, "ActiveState", "NRestarts", "User") == {
        "ActiveState": "active",
        "NRestarts": "0",
        "User": "b70-slot",
    }


def test_it_cannot_change_the_engine(installed: Installed) -> None:
    assert "Read-only" in installed.machine.run(["touch", VENV / "mine"], check=False).stderr
    assert "Read-only" in installed.machine.run(["touch", MODEL_DIR / "mine"], check=False).stderr


def test_it_makes_room_for_another_model_in_peace(installed: Installed) -> None:
    began = installed.processes_of(SLOT)
    installed.slotctl("switch", catalog.A, timeout=120)
    installed.until_served(catalog.A)
    assert not set(began) & set(installed.processes_of(SLOT))
    assert not [line for line in installed.log() if "SIGKILL" in line or "killing what is left" in line]


def test_nothing_is_left_of_it(installed: Installed) -> None:
    installed.machine.systemctl("stop", SLOT)
    assert installed.processes_of(SLOT) == []
    assert installed.until_state("stopped", catalog.A).failure is None
