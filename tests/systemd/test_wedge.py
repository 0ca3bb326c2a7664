"""An engine that lives and does not generate, on a real systemd: found, kept, ended in peace, started again.

And what only looks like it. The requests go to the engine itself: what its clients see is another test's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from systemd.installed import SLOT, Installed

from slot.state import SlotState

pytestmark = pytest.mark.systemd

ENGINE = "http://127.0.0.1:18080"
PATIENT, SLOW_TO_TELL = "sim-patient", "sim-slow-to-tell"
ALLOWANCE_S = 2

PY_SPY = '#!/bin/sh\necho "asked: $*"\n'


@pytest.fixture(scope="module", autouse=True)
def _settings(installed: Installed) -> None:
    installed.add_profile(PATIENT, MODEL_SLOT_WEDGE_TIMEOUT_S=ALLOWANCE_S)
    installed.add_profile(SLOW_TO_TELL, "slow_metrics:seconds=1", MODEL_SLOT_WEDGE_TIMEOUT_S=ALLOWANCE_S)
    installed.drop_in(SLOT, "[Unit]\nStartLimitIntervalSec=0\n", "99-wedge")


@pytest.fixture(autouse=True)
def _stopped(installed: Installed) -> Iterator[None]:
    yield
    installed.stop()


def ask(installed: Installed, fault: str, **body: Any) -> int:
    """The status of an answer that a fault befalls; 0: there was none."""
    words = {"prompt": "hi", "max_tokens": 20, "ignore_eos": True, "simulator_fault": fault, **body}

    async def talk() -> int:
        try:
            async with aiohttp.ClientSession() as client, client.post(f"{ENGINE}/v1/completions", json=words) as answer:
                await answer.read()
                return answer.status
        except aiohttp.ClientError:
            return 0

    return installed.machine.in_network(lambda: asyncio.run(talk()))


def start(installed: Installed, profile: str) -> SlotState:
    installed.activate(profile)
    installed.start(SLOT)
    state = installed.state()
    assert state is not None
    return state


def restarted(installed: Installed, before: SlotState) -> dict[str, str]:
    """The incident's files, once another supervisor serves."""
    installed.machine.wait_for(SLOT, ActiveState="active", NRestarts="1")
    after = installed.until_state("serving", PATIENT)
    assert (after.restarts, after.supervisor_pid != before.supervisor_pid) == (1, True)
    incidents = "/var/lib/b70-vllm-slot/incidents"
    newest = installed.machine.run(["sh", "-c", f"ls -d {incidents}/*-wedged | tail -n 1"]).stdout.strip()
    return {name: installed.machine.read(f"{newest}/{name}") for name in ("incident.json", "stacks.txt", "engine.log")}


def test_a_wedge_is_kept_and_the_slot_starts_again(installed: Installed) -> None:
    before = start(installed, PATIENT)
    assert ask(installed, "wedge:after_tokens=2") == 500  # its end, in peace, is an answer
    files = restarted(installed, before)
    incident = json.loads(files["incident.json"])
    assert (incident["failure"]["name"], incident["state"]["state"]) == ("wedged", "degraded")
    assert incident["state"]["pulse"]["running"] == 1
    assert f"== {before.engine_pid}:" in files["stacks.txt"]
    assert "there is no py-spy" in files["stacks.txt"]
    swept = json.loads(installed.machine.read("/run/b70-vllm-slot/swept.json"))
    assert (swept["terminated"], swept["killed"]) == ([], [])


def test_one_that_seems_to_be_idle_is_found_by_asking_it_and_py_spy_where_there_is_one(installed: Installed) -> None:
    place = str(installed.venv / "bin/py-spy")
    installed.machine.write(place, PY_SPY, mode=0o755)
    try:
        before = start(installed, PATIENT)
        ask(installed, "wedge:after_tokens=2,how=zero")
        files = restarted(installed, before)
    finally:
        installed.machine.run(["rm", place])
    assert json.loads(files["incident.json"])["state"]["pulse"]["running"] == 0
    assert f"asked: dump --nonblocking --pid {before.engine_pid}" in files["stacks.txt"]
    assert "-- by the kernel" in files["stacks.txt"]


def test_a_long_prompt_and_slow_metrics_are_no_wedge(installed: Installed) -> None:
    before = start(installed, SLOW_TO_TELL)
    assert ask(installed, f"slow_prefill:seconds={2 * ALLOWANCE_S}", max_tokens=1) == 200
    after = installed.state()
    assert after is not None
    assert (after.state, after.supervisor_pid) == ("serving", before.supervisor_pid)
    assert installed.machine.show(SLOT, "NRestarts") == {"NRestarts": "0"}
