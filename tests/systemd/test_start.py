"""A start on a real systemd: how long `systemctl start` blocks, what is to be seen meanwhile, and when it is given up.

And the other watchdog, systemd's: it watches the supervisor, as the supervisor watches the engine.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from processes import until
from systemd import catalog
from systemd.installed import DOOR, SLOT, SOCKET, STATE, Installed
from systemd.load import Sort, chat

pytestmark = pytest.mark.systemd

ENGINE = 18080
SLOW, SILENT = "sim-slow", "sim-silent"
LOAD_S = 6
# Shorter than the load of `sim-slow`, which only what is heard of its progress makes up for.
BASE_S = 4


@pytest.fixture(scope="module", autouse=True)
def _profiles(installed: Installed) -> None:
    installed.add_profile(SLOW, MODEL_SLOT_MEASURED_LOAD_S=LOAD_S, MODEL_SLOT_MEASURED_WEIGHTS_S=LOAD_S - 2)
    installed.add_profile(SILENT, "slow_start:seconds=600,phase=compile", MODEL_SLOT_STALL_TIMEOUT_S=1)


@pytest.fixture(autouse=True)
def _stopped(installed: Installed) -> Iterator[None]:
    yield
    installed.stop()
    installed.drop_out(SLOT, "99-start")
    installed.machine.run(["rm", "-f", STATE])
    installed.machine.systemctl("reset-failed", SLOT, check=False)


def begin(installed: Installed, *units: str) -> subprocess.Popen[str]:
    """`systemctl start`, and not waited for."""
    command = installed.machine.command(["systemctl", "start", *units])
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def until_it_says(installed: Installed, words: str) -> str:
    """Its line of status, once `words` are in it."""

    def look() -> str | None:
        said = installed.machine.show(SLOT, "StatusText")["StatusText"]
        return said if words in said else None

    return until(look, lambda: f"{words!r} in the status of {SLOT}\n{installed.story()}")


def test_a_start_blocks_until_a_token_and_outlives_its_limit_while_it_gets_on(installed: Installed) -> None:
    installed.drop_in(SLOT, f"[Service]\nTimeoutStartSec={BASE_S}\n", "99-start")
    installed.activate(SLOW)
    # as at a boot: one transaction, and the door does not wait for the model
    start = begin(installed, SOCKET, DOOR, SLOT)
    until_it_says(installed, f"{SLOW}: loading, weights")
    shown = installed.machine.systemctl("status", SLOT, check=False).stdout
    assert f'Status: "{SLOW}: loading, weights' in shown
    refused = chat(installed.machine)
    assert (refused.sort, refused.status) == (Sort.REFUSED, 503)
    assert "loading" in refused.words
    until_it_says(installed, f"{SLOW}: loading, compile")
    assert installed.machine.show(SLOT, "ActiveState") == {"ActiveState": "activating"}
    assert start.poll() is None

    output, _ = start.communicate(timeout=60)
    assert start.returncode == 0, f"{output}\n{installed.story()}"
    state = installed.state()
    assert state is not None
    assert (state.state, state.readiness) == ("serving", "generated")
    answer = chat(installed.machine, port=ENGINE, model=SLOW, max_tokens=1)
    assert answer.sort is Sort.OK


def test_a_start_that_says_nothing_is_given_up_with_a_cause(installed: Installed) -> None:
    installed.drop_in(SLOT, "[Service]\nRestart=no\n", "99-start")
    installed.activate(SILENT)
    assert installed.machine.systemctl("start", SLOT, check=False).returncode == 1
    # by our own limit, not by systemd's, which would be `timeout`
    ended = {"Result": "exit-code", "ExecMainStatus": "1"}
    assert installed.machine.show(SLOT, *ended) == ended, installed.story()
    state = installed.state()
    assert state is not None
    assert state.failure is not None
    assert (state.state, state.failure.name) == ("failed", "stalled")
    kept = json.loads(installed.machine.read(f"{state.failure.incident}/incident.json"))
    assert kept["state"]["state"] == "degraded"
    assert "VLLM::EngineCor" in installed.machine.read(f"{state.failure.incident}/stacks.txt")


def test_a_supervisor_that_hangs_is_replaced_and_its_engine_ended_in_peace(installed: Installed) -> None:
    installed.drop_in(SLOT, "[Service]\nWatchdogSec=5\n", "99-start")
    installed.activate(catalog.A)
    installed.start(SLOT)
    before = installed.state()
    assert before is not None
    installed.machine.run(["kill", "-STOP", str(before.supervisor_pid)])
    installed.machine.wait_for(SLOT, ActiveState="active", SubState="running", NRestarts="1")
    after = installed.until_state("serving")
    assert after.supervisor_pid != before.supervisor_pid
    assert after.restarts == 1
    swept = json.loads(installed.machine.read("/run/b70-vllm-slot/swept.json"))
    assert (swept["killed"], swept["left"]) == ([], [])
    assert any("watchdog" in line.lower() for line in installed.log()), installed.story()
