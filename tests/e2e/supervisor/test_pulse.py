"""The watchdog with real processes: what is a wedge, what is none, and what a wedge leaves behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from slot.exit_codes import ExitCode

# Slots of `conftest.SupervisedSlot`, which a test module cannot import.
Slot = Any

PY_SPY = """#!/bin/sh
echo "asked: $*"
"""


@asynccontextmanager
async def asking(slot: Slot, fault: str = "", max_tokens: int = 50) -> AsyncIterator[asyncio.Task[int]]:
    """A request on its way, with a fault of its own. The task is its status; 0 if the connection broke."""
    body = {"model": "quick", "prompt": "hi", "max_tokens": max_tokens, "ignore_eos": True}

    async def ask(client: aiohttp.ClientSession) -> int:
        try:
            faulty = body | ({"simulator_fault": fault} if fault else {})
            async with client.post(f"http://127.0.0.1:{slot.port}/v1/completions", json=faulty) as answer:
                await answer.read()
                return answer.status
        except aiohttp.ClientError:
            return 0

    async with aiohttp.ClientSession() as client:
        task = asyncio.create_task(ask(client))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def incident(slot: Slot) -> Path:
    """The only one there is."""
    [place] = (slot.data_dir / "incidents").iterdir()
    return Path(place)


@pytest.mark.parametrize("how", ["plain", "zero"])
async def test_a_wedge_is_seen_and_kept_and_ends_the_engine_in_peace(slot: Slot, how: str) -> None:
    supervisor = await slot.start(wedge_timeout_s=1)
    serving = await slot.until_state("serving")
    async with asking(slot, f"wedge:after_tokens=1,how={how}"):
        assert await slot.exit_code(supervisor) == ExitCode.FAILED
    failed = slot.state()
    assert (failed.state, failed.failure.restart_can_help) == ("failed", True)
    assert "killing what is left" not in slot.log
    place = incident(slot)
    assert (failed.failure.incident, place.name.partition("-")[2]) == (str(place), "wedged")
    assert {"incident.json", "engine.log", "stacks.txt", "metrics.txt"} <= {file.name for file in place.iterdir()}
    then = json.loads((place / "incident.json").read_text())
    assert (then["failure"]["name"], then["state"]["state"]) == ("wedged", "degraded")
    assert then["state"]["pulse"]["running"] == (1 if how == "plain" else 0)
    stacks = (place / "stacks.txt").read_text()
    assert f"== {serving.engine_pid}:" in stacks
    assert "VLLM::EngineCor" in stacks  # the kernel keeps 15 letters of a name
    assert slot.left() == []


async def test_the_stacks_come_from_py_spy_where_there_is_one(slot: Slot, tmp_path: Path) -> None:
    py_spy = tmp_path / "bin/py-spy"
    py_spy.parent.mkdir()
    py_spy.write_text(PY_SPY)
    py_spy.chmod(0o755)
    environment = {"PATH": f"{py_spy.parent}:{os.environ['PATH']}"}
    supervisor = await slot.start(environment=environment, wedge_timeout_s=1)
    serving = await slot.until_state("serving")
    async with asking(slot, "wedge:after_tokens=1"):
        assert await slot.exit_code(supervisor) == ExitCode.FAILED
    assert f"asked: dump --nonblocking --pid {serving.engine_pid}" in (incident(slot) / "stacks.txt").read_text()


async def test_a_stop_does_not_wait_for_evidence(slot: Slot, tmp_path: Path) -> None:
    py_spy = tmp_path / "bin/py-spy"
    py_spy.parent.mkdir()
    py_spy.write_text("#!/bin/sh\nexec sleep 1000\n")
    py_spy.chmod(0o755)
    environment = {"PATH": f"{py_spy.parent}:{os.environ['PATH']}"}
    supervisor = await slot.start(environment=environment, wedge_timeout_s=1)
    await slot.until_state("serving")
    async with asking(slot, "wedge:after_tokens=1"):
        await slot.until_state("degraded")
        supervisor.send_signal(signal.SIGTERM)
        assert await slot.exit_code(supervisor) == ExitCode.FAILED
    assert slot.state().failure.name == "wedged"
    assert json.loads((incident(slot) / "incident.json").read_text())["name"] == "wedged"


async def test_a_long_prompt_is_no_wedge(slot: Slot) -> None:
    supervisor = await slot.start(wedge_timeout_s=1)
    await slot.until_state("serving")
    async with asking(slot, "slow_prefill:seconds=3", max_tokens=1) as answer:
        async with asyncio.timeout(30):
            assert await answer == 200
    assert slot.state().state == "serving"
    supervisor.send_signal(signal.SIGTERM)
    assert await slot.exit_code(supervisor) == ExitCode.OK


async def test_an_idle_engine_is_asked_for_a_token_now_and_then(slot: Slot) -> None:
    supervisor = await slot.start(wedge_timeout_s=1)
    serving = await slot.until_state("serving")
    while serving.pulse is None or serving.pulse.tokens < 2:  # the first one made it ready
        serving = await slot.until_rewritten(serving)
        assert serving.state == "serving"
    assert serving.pulse.probed_at is not None
    assert (serving.pulse.waiting, serving.pulse.allowance_s) == (0, 1.0)
    supervisor.send_signal(signal.SIGTERM)
    assert await slot.exit_code(supervisor) == ExitCode.OK
    assert slot.state().pulse is None
    assert not (slot.data_dir / "incidents").exists()
    assert "GET /metrics" not in slot.log


async def test_an_engine_without_statistics_has_no_pulse_and_is_left_alone(slot: Slot) -> None:
    supervisor = await slot.start(wedge_timeout_s=1, more="SERVE_DISABLE_LOG_STATS=true")
    await slot.until_logged("shows no pulse")
    assert (await slot.until_state("serving")).pulse is None
    supervisor.send_signal(signal.SIGTERM)
    assert await slot.exit_code(supervisor) == ExitCode.OK


async def test_starts_that_follow_a_failure_are_counted(slot: Slot) -> None:
    for restarts in range(2):
        supervisor = await slot.start("--fault", "crash_loading:text=mamba_pointer")
        await slot.exit_code(supervisor)
        assert slot.state().restarts == restarts
    supervisor = await slot.start()
    assert (await slot.until_state("serving")).restarts == 2
    supervisor.send_signal(signal.SIGTERM)
    assert await slot.exit_code(supervisor) == ExitCode.OK


async def test_the_engine_says_something_worth_a_note(slot: Slot) -> None:
    line = "Unknown vLLM environment variable detected: VLLM_COLOUR"
    supervisor = await slot.start("--fault", f"say:line={line}")
    serving = await slot.until_state("serving")
    [notice] = serving.warnings
    assert "VLLM_COLOUR" in notice.words
    assert f"WARNING slot.supervisor.supervisor: quick: {notice.name}: " in slot.log
    supervisor.send_signal(signal.SIGTERM)
    assert await slot.exit_code(supervisor) == ExitCode.OK


async def test_a_failed_load_shows_where_it_stood(slot: Slot) -> None:
    supervisor = await slot.start(*slot.misbehaving("silent"), stall_timeout_s=1)
    assert await slot.exit_code(supervisor) == ExitCode.FAILED
    place = incident(slot)
    assert place.name.endswith("-stalled")
    assert "(sleeping)" in (place / "stacks.txt").read_text()
