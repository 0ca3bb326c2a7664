"""The supervisor with real processes: what it shows while an engine loads, serves, fails and stops; what is left."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from slot.exit_codes import ExitCode
from slot.state import HEARTBEAT_S, STALE_AFTER_S, LoadPhase, Readiness

# Slots of `conftest.SupervisedSlot`, which a test module cannot import.
Slot = Any


async def test_a_load_is_followed_to_its_first_token_and_a_stop_leaves_nothing(slot: Slot) -> None:
    supervisor = await slot.start()
    loading = await slot.until_state("loading")
    serving = await slot.until_state("serving")
    assert loading.supervisor_pid == serving.supervisor_pid == supervisor.pid
    assert loading.progress < 1.0
    assert (serving.readiness, serving.phase, serving.progress) == (Readiness.GENERATED, LoadPhase.READY, 1.0)
    assert serving.engine_url == f"http://127.0.0.1:{slot.port}"
    assert serving.engine_pid in slot.family
    assert serving.simulated
    assert serving.profile.name == "quick"
    facts = serving.engine
    assert (facts.version, facts.max_model_len, facts.kv_cache_tokens) == ("0.32.0", 4096, 65536)
    assert facts.max_concurrency == pytest.approx(16.0)
    assert None not in (facts.weights_s, facts.compile_s, facts.graph_capture_s, facts.init_s)

    supervisor.send_signal(signal.SIGTERM)
    assert await slot.exit_code(supervisor) == ExitCode.OK
    stopped = slot.state()
    assert (stopped.state, stopped.failure, stopped.readiness) == ("stopped", None, Readiness.NONE)
    assert slot.left() == []


async def test_a_load_becomes_history_and_history_an_eta(slot: Slot) -> None:
    for _ in range(2):
        supervisor = await slot.start()
        loading = await slot.until_state("loading")
        await slot.until_state("serving")
        supervisor.send_signal(signal.SIGINT)
        assert await slot.exit_code(supervisor) == ExitCode.OK
    lines = [msgspec.json.decode(line) for line in (slot.data_dir / "loads.jsonl").read_bytes().splitlines()]
    assert [line["profile"] for line in lines] == ["quick", "quick"]
    assert sum(lines[0]["phases"].values()) == pytest.approx(lines[0]["total_s"], abs=0.01)
    assert {"starting", "weights", "api"} <= set(lines[0]["phases"])
    assert 0.0 < loading.eta_s <= lines[0]["total_s"] + 0.1


@pytest.mark.parametrize(
    ("text", "part_of_cause", "exit_code"),
    [
        ("device_lost", "DEVICE_LOST", ExitCode.DEVICE),
        ("context_does_not_fit", "33792 tokens", ExitCode.CONFIG),
        ("unknown_flag", "does not know --async-engine", ExitCode.CONFIG),
        ("shards_missing", "no weights in", ExitCode.CONFIG),
    ],
)
async def test_a_load_that_crashes_is_diagnosed(slot: Slot, text: str, part_of_cause: str, exit_code: ExitCode) -> None:
    supervisor = await slot.start("--fault", f"crash_loading:text={text}")
    assert await slot.exit_code(supervisor) == exit_code
    failed = slot.state()
    assert failed.state == "failed"
    assert part_of_cause in failed.failure.cause
    assert failed.failure.remedy in slot.log
    assert failed.failure.exit_code in (1, 2)
    assert failed.engine_pid is None


async def test_the_last_words_of_a_talkative_engine_are_not_missed(slot: Slot) -> None:
    supervisor = await slot.start(*slot.misbehaving("last_words"))
    assert await slot.exit_code(supervisor) == ExitCode.DEVICE
    assert "DEVICE_LOST" in slot.state().failure.detail
    assert slot.log.count("[w.py:1] line ") == 3000


async def test_an_engine_that_is_killed_is_noticed_within_a_second(slot: Slot) -> None:
    supervisor = await slot.start()
    serving = await slot.until_state("serving")
    killed_at = time.time()
    os.kill(serving.engine_pid, signal.SIGKILL)
    failed = await slot.until_state("failed")
    assert failed.since - killed_at < 1.0
    assert (failed.failure.signal, failed.failure.exit_code) == ("SIGKILL", None)
    assert "SIGKILL" in failed.failure.cause
    assert await slot.exit_code(supervisor) == ExitCode.FAILED
    assert slot.left() == []


async def test_an_engine_that_minds_no_sigterm_is_killed_at_the_deadline_with_all_its_children(slot: Slot) -> None:
    supervisor = await slot.start("--fault", "ignore_sigterm", "--grace-s", "0.7")
    await slot.until_state("serving")
    asked_at = time.monotonic()
    supervisor.send_signal(signal.SIGTERM)
    stopping = await slot.until_state("stopping")
    assert stopping.failure is None
    assert await slot.exit_code(supervisor) == ExitCode.OK
    assert 0.7 <= time.monotonic() - asked_at < 6.0
    assert slot.state().state == "stopped"
    assert slot.left() == []


async def test_asked_twice_it_stops_at_once(slot: Slot) -> None:
    supervisor = await slot.start("--fault", "ignore_sigterm")
    await slot.until_state("serving")
    supervisor.send_signal(signal.SIGINT)
    await slot.until_state("stopping")
    asked_at = time.monotonic()
    supervisor.send_signal(signal.SIGINT)
    assert await slot.exit_code(supervisor) == ExitCode.OK
    assert time.monotonic() - asked_at < 2.0
    assert slot.left() == []


async def test_a_stop_while_it_loads_is_a_clean_stop(slot: Slot) -> None:
    supervisor = await slot.start("--fault", "slow_start:seconds=60")
    await slot.until_logged("Using max model len")
    supervisor.send_signal(signal.SIGTERM)
    assert await slot.exit_code(supervisor) == ExitCode.OK
    assert slot.state().state == "stopped"
    assert not (slot.data_dir / "loads.jsonl").exists()


async def test_nothing_survives_a_supervisor_that_is_killed(slot: Slot) -> None:
    supervisor = await slot.start("--fault", "ignore_sigterm", "--grace-s", "0.7")
    await slot.until_state("serving")
    assert len(slot.family) >= 3  # the keeper, the API server, the engine core
    supervisor.kill()
    await supervisor.wait()
    await slot.until_nothing_is_left()


async def test_nothing_survives_a_supervisor_and_what_detached_itself_neither(slot: Slot) -> None:
    supervisor = await slot.start("--grace-s", "0.7", *slot.misbehaving("detaches"))
    detached = int((await slot.until_logged("detached ")).split()[-1])
    await slot.until_logged("main stays")
    slot.state()
    assert detached in slot.family
    supervisor.kill()
    await supervisor.wait()
    await slot.until_nothing_is_left()


async def test_a_keeper_that_is_killed_takes_nothing_with_it_but_the_engine(slot: Slot) -> None:
    supervisor = await slot.start("--grace-s", "0.7", *slot.misbehaving("detaches"))
    await slot.until_logged("main stays")
    slot.state()
    keeper = int((slot.run_dir / "supervisor.lock").read_text().split()[1])
    os.kill(keeper, signal.SIGKILL)
    assert await slot.exit_code(supervisor) == ExitCode.FAILED
    assert slot.state().state == "failed"
    assert slot.left() == []


async def test_a_child_that_an_engine_left_behind_is_swept(slot: Slot) -> None:
    supervisor = await slot.start("--grace-s", "0.7", *slot.misbehaving("abandons"))
    failed = await slot.until_state("failed")
    assert failed.failure.exit_code == 3
    assert await slot.exit_code(supervisor) == ExitCode.FAILED
    assert slot.left() == []


async def test_a_second_supervisor_names_the_first_and_leaves_it_alone(slot: Slot) -> None:
    first = await slot.start()
    serving = await slot.until_state("serving")
    second = await slot.start()
    assert await slot.exit_code(second) == ExitCode.CANNOT_CREATE
    assert f"process {first.pid}" in slot.log
    assert slot.state().engine_pid == serving.engine_pid
    first.send_signal(signal.SIGTERM)
    assert await slot.exit_code(first) == ExitCode.OK


async def test_a_slot_stays_locked_until_the_engine_of_a_killed_supervisor_is_gone(slot: Slot) -> None:
    first = await slot.start("--fault", "ignore_sigterm", "--grace-s", "0.7")
    await slot.until_state("serving")
    first.kill()
    await first.wait()
    second = await slot.start()
    assert await slot.exit_code(second) == ExitCode.CANNOT_CREATE
    await slot.until_nothing_is_left()
    third = await slot.start()
    await slot.until_state("loading")
    third.send_signal(signal.SIGTERM)
    assert await slot.exit_code(third) == ExitCode.OK


async def test_a_port_that_is_taken_is_found_before_anything_starts(slot: Slot) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", slot.port))
        other.listen()
        supervisor = await slot.start()
        assert await slot.exit_code(supervisor) == ExitCode.CANNOT_CREATE
    failed = slot.state()
    assert (failed.state, failed.failure.name, failed.failure.restart_can_help) == ("failed", "port-taken", True)
    assert f"port {slot.port} on 127.0.0.1 is busy: held by" in failed.failure.cause
    assert f"(pid {os.getpid()})" in failed.failure.cause
    assert failed.failure.cause in slot.log


@pytest.mark.parametrize(
    ("served", "key"),
    [({"length": 2048}, "SERVE_MAX_MODEL_LEN"), ({"name": "other"}, "SERVE_SERVED_MODEL_NAME")],
)
async def test_an_engine_that_serves_something_else_is_a_configuration_error(
    slot: Slot, served: dict[str, object], key: str
) -> None:
    supervisor = await slot.start("--serve", str(slot.profile("served.env", **served)))
    assert await slot.exit_code(supervisor) == ExitCode.CONFIG
    failed = slot.state()
    assert failed.state == "failed"
    assert f"{key} found {next(iter(served.values()))}, expected" in failed.failure.cause
    assert slot.left() == []


@pytest.mark.parametrize(
    ("how", "cause", "exit_code"),
    [
        ("silent", "did not advance for 1 s", ExitCode.FAILED),
        ("waits_aloud", "a worker stopped answering", ExitCode.DEVICE),
    ],
)
async def test_a_load_that_does_not_advance_is_given_up(slot: Slot, how: str, cause: str, exit_code: ExitCode) -> None:
    supervisor = await slot.start(*slot.misbehaving(how), stall_timeout_s=1)
    assert await slot.exit_code(supervisor) == exit_code
    assert cause in slot.state().failure.cause
    assert slot.left() == []


async def test_a_load_that_takes_too_long_is_given_up_however_busy(slot: Slot) -> None:
    supervisor = await slot.start("--fault", "slow_start:seconds=60", load_timeout_s=2)
    assert await slot.exit_code(supervisor) == ExitCode.FAILED
    assert "not ready after 2 s; it was still loading (starting)" in slot.state().failure.cause


async def test_an_engine_that_is_not_there_is_a_configuration_error(slot: Slot) -> None:
    supervisor = await slot.start("--engine", str(slot.directory / "venv/bin/vllm"))
    assert await slot.exit_code(supervisor) == ExitCode.CONFIG
    assert "venv/bin/vllm" in slot.state().failure.cause
    assert "No such file or directory" in slot.state().failure.cause


async def test_a_progress_bar_is_thinned_and_its_end_is_known(slot: Slot) -> None:
    supervisor = await slot.start(*slot.misbehaving("bars"))
    assert await slot.exit_code(supervisor) == ExitCode.FAILED
    assert 1 <= slot.log.count("Capturing CUDA graphs") <= 3


async def test_systemd_is_told_ready_when_a_token_came_out_and_given_time_while_it_loads(
    slot: Slot, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)

        async def hear() -> str:
            return (await loop.sock_recv(systemd, 4096)).decode()

        slowly = ("--fault", "slow_start:seconds=1,phase=compile")
        supervisor = await slot.start(*slowly, environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        heard = []
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(30):
            while heard[-1:] != ["READY=1"]:
                heard.append(await hear())
        async with aiohttp.ClientSession() as client:
            body = {"model": "quick", "prompt": "hi", "max_tokens": 1}
            async with client.post(f"http://127.0.0.1:{slot.port}/v1/completions", json=body) as answer:
                assert answer.status == 200
        supervisor.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            while "STATUS=quick: stopped" not in heard:
                heard.append(await hear())
        assert await slot.exit_code(supervisor) == ExitCode.OK
    assert heard.count("WATCHDOG=1") >= 5  # once for each time that the snapshot was written
    heard = [message for message in heard if message != "WATCHDOG=1"]
    before_ready = heard[: heard.index("READY=1")]
    assert before_ready[0].startswith("STATUS=quick: loading, starting ")
    assert f"EXTEND_TIMEOUT_USEC={45 * 1_000_000}" in before_ready
    assert any(message.startswith("STATUS=quick: loading, weights") for message in before_ready)
    assert before_ready[-1] == "STATUS=quick: serving"
    after_ready = heard[heard.index("READY=1") + 1 :]
    patience = f"EXTEND_TIMEOUT_USEC={(6 + 20 + 15) * 1_000_000}"  # the profile's grace, the orphans', systemd's slack
    assert after_ready == ["STATUS=quick: stopping", "STOPPING=1", patience, "STATUS=quick: stopped"]


async def test_it_goes_on_when_nobody_reads_its_output_any_more(slot: Slot) -> None:
    supervisor = await slot.start(stdout=asyncio.subprocess.PIPE)
    supervisor._transport.get_pipe_transport(1).close()
    await slot.until_state("serving")
    supervisor.send_signal(signal.SIGTERM)
    assert await slot.exit_code(supervisor) == ExitCode.OK
    assert "nobody reads the engine's output any more" in slot.log


async def test_the_engine_gets_nothing_of_the_supervisors_environment_and_a_session_of_its_own(slot: Slot) -> None:
    supervisor = await slot.start(environment={"SECRET_OF_THE_CALLER": "x"})
    serving = await slot.until_state("serving")
    environment = Path(f"/proc/{serving.engine_pid}/environ").read_bytes()  # noqa: ASYNC240 - the kernel's memory
    assert b"SECRET_OF_THE_CALLER" not in environment
    assert b"HOME=" in environment
    assert os.getsid(serving.engine_pid) == os.getpgid(serving.engine_pid) == serving.engine_pid
    assert os.getsid(supervisor.pid) != serving.engine_pid
    supervisor.send_signal(signal.SIGTERM)
    assert await slot.exit_code(supervisor) == ExitCode.OK


async def test_the_snapshot_is_rewritten_while_nothing_happens(slot: Slot) -> None:
    supervisor = await slot.start()
    first = await slot.until_state("serving")
    later = await slot.until_rewritten(first)
    assert HEARTBEAT_S - 0.5 < later.updated_at - first.updated_at < STALE_AFTER_S
    supervisor.send_signal(signal.SIGTERM)
    assert await slot.exit_code(supervisor) == ExitCode.OK
