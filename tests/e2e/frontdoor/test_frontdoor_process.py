"""The command itself: what it needs, what it says when that is missing, how it stops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "frontdoor"]

Start = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """`await start("--port", "0", FRONTDOOR_...="...")`: a frontdoor of its own; none of them outlives its test."""
    running = []

    async def start(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
        bare = {name: text for name, text in os.environ.items() if not name.startswith("FRONTDOOR_")}
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            env=bare | environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.fixture
def fails(start: Start) -> Callable[..., Awaitable[tuple[int, str]]]:
    """What it says when it cannot start: exit code, stderr."""

    async def fails(*arguments: str, **environment: str) -> tuple[int, str]:
        process = await start(*arguments, **environment)
        _, said = await process.communicate()
        return process.returncode, said.decode()

    return fails


async def started(process: asyncio.subprocess.Process) -> dict[str, object]:
    """The start event: it is listening now."""
    return json.loads(await process.stdout.readline())


async def test_it_runs_alone_in_front_of_any_server_and_stops_when_asked(start, engine) -> None:
    process = await start(FRONTDOOR_BACKEND_URL=engine.url, FRONTDOOR_PORT="0", FRONTDOOR_MAX_ACTIVE_GENERATIONS="8")
    told = await started(process)
    assert (told["event"], told["profile"], told["backend"]) == ("frontdoor_start", "standalone", engine.url)
    assert told["max_active_generations"] == 8
    changed = json.loads(await process.stdout.readline())
    assert (changed["event"], changed["message"]) == ("slot_changed", "serving")
    reader, writer = await asyncio.open_connection("127.0.0.1", told["port"])
    writer.write(b"GET /health HTTP/1.0\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
    process.send_signal(signal.SIGTERM)
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert json.loads(out.splitlines()[-1])["event"] == "frontdoor_stop"


@pytest.fixture
async def mute_engine() -> AsyncIterator[str]:
    """The URL of one that takes connections and never answers: who starts in front of it waits for a moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_while_it_starts_leaves_nothing(start, mute_engine, tmp_path: Path, number) -> None:
    path = tmp_path / "control.sock"
    process = await start("--backend-url", mute_engine, "--port", "0", FRONTDOOR_CONTROL_SOCKET=str(path))
    await started(process)
    process.send_signal(number)
    _, said = await process.communicate()
    assert (process.returncode, path.exists()) == (0, False)
    assert b"Traceback" not in said


async def test_what_is_told_to_it_while_it_starts_waits_until_it_serves(start, mute_engine, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("infer alice sk-0123456789abcdef\n")
    keys.chmod(0o600)
    process = await start("--backend-url", mute_engine, "--port", "0", FRONTDOOR_API_KEYS_FILE=str(keys))
    await started(process)
    keys.write_text("infer bob sk-fedcba9876543210\n")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGUSR2)
    while (told := json.loads(await process.stdout.readline()))["event"] != "settings_changed":
        pass
    assert told["changed"] == ["api_keys"]
    process.terminate()
    _, said = await process.communicate()
    assert process.returncode == 0
    assert b"not replaced: there is no systemd" in said


# signals that come before anything of the server has been imported
EARLY = """
import os, signal, sys
from importlib.abc import MetaPathFinder

class Signaller(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "frontdoor.process.start":
            for number in sys.argv[1:]:
                os.kill(os.getpid(), int(number))

sys.meta_path.insert(0, Signaller())
from frontdoor.__main__ import main
sys.exit(main(["--port", "0"]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 0), (signal.SIGUSR2, 0), (signal.SIGINT, -signal.SIGINT)])
async def test_a_signal_at_the_very_beginning_does_no_harm(engine, number: signal.Signals, code: int) -> None:
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", EARLY, str(int(number))],
        env=os.environ | {"FRONTDOOR_BACKEND_URL": engine.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    if code == 0:
        await started(process)
        process.terminate()
    _, said = await process.communicate()
    assert process.returncode == code
    assert b"Traceback" not in said


@pytest.mark.parametrize("hurry", [False, True])
async def test_an_open_stream_is_finished_at_a_stop_unless_asked_twice(start, engine, hurry) -> None:
    process = await start("--backend-url", engine.url, "--port", "0")
    port = (await started(process))["port"]
    await process.stdout.readline()  # serving
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
    asked = await engine.request()
    await asked.start_stream()
    await reader.readuntil(b"\r\n\r\n")
    process.send_signal(signal.SIGINT)
    while True:  # it listens no more
        try:
            _, probe = await asyncio.open_connection("127.0.0.1", port)
            probe.close()
            await asyncio.sleep(0.01)
        except ConnectionRefusedError:
            break
    if hurry:
        process.send_signal(signal.SIGINT)
        rest = await reader.read()
        assert b"shutting_down" in rest
        assert b"[DONE]" not in rest
    else:
        await asked.end_stream()
        assert (await reader.read()).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    writer.close()
    await process.communicate()
    assert process.returncode == 0


async def test_a_busy_port_is_named(fails) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        code, said = await fails("--port", port)
    assert code == 73
    assert said.startswith(f"frontdoor: cannot listen on 127.0.0.1 port {port}: busy: held by ")
    assert f"(pid {os.getpid()}); stop that process, or choose another port with --port or FRONTDOOR_PORT" in said


async def test_every_bad_setting_is_named(fails) -> None:
    code, said = await fails("--port", "99999", FRONTDOOR_QUEUE_TIMEOUT_S="soon", FRONTDOOR_MAX_GENERATIONS="8")
    assert code == 78
    assert "FRONTDOOR_PORT (command line): found '99999', expected a TCP port" in said
    assert "FRONTDOOR_QUEUE_TIMEOUT_S (environment): found 'soon', expected seconds" in said
    assert "FRONTDOOR_MAX_GENERATIONS (environment): found an unknown setting" in said
    assert "Traceback" not in said


async def test_an_address_of_another_machine_is_a_bad_setting(fails) -> None:
    code, said = await fails("--host", "192.0.2.1", "--port", "0")
    assert code == 78
    assert "FRONTDOOR_HOST: found '192.0.2.1'" in said


async def test_a_missing_profile_is_named(fails, tmp_path: Path) -> None:
    code, said = await fails("--profile", str(tmp_path / "current.env"))
    assert (code, said) == (66, f"frontdoor: no active profile: {tmp_path}/current.env does not exist\n")


async def test_a_bad_profile_is_told_with_all_its_problems(fails, tmp_path: Path) -> None:
    profile = tmp_path / "current.env"
    profile.write_text("MODEL_SLOT_NAME=x\nFRONTDOOR_PORT=http\nNONSENSE=1\n")
    code, said = await fails("--profile", str(profile))
    assert code == 78
    assert "FRONTDOOR_PORT" in said
    assert "NONSENSE" in said


async def test_an_environment_that_the_profile_overrides_is_mentioned_once(start, tmp_path: Path) -> None:
    profile = tmp_path / "current.env"
    profile.write_text(
        "MODEL_SLOT_NAME=x\nMODEL_SLOT_STATUS=test\nMODEL_SLOT_MODALITIES=text\nMODEL_SLOT_TITLE=X\n"
        "MODEL_SLOT_HF_ID=a/b\nMODEL_SLOT_ENGINE=simulator\nSERVE_MAX_NUM_SEQS=4\nFRONTDOOR_MAX_ACTIVE_GENERATIONS=3\n"
    )
    process = await start("--profile", str(profile), "--port", "0", FRONTDOOR_MAX_ACTIVE_GENERATIONS="9")
    told = await started(process)
    assert told["max_active_generations"] == 3
    process.terminate()
    _, said = await process.communicate()
    assert said.decode().count("FRONTDOOR_MAX_ACTIVE_GENERATIONS of the environment is overridden") == 1


async def test_help_has_an_example(start) -> None:
    process = await start("--help")
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert b"Example:" in out


async def test_importing_it_brings_no_engine() -> None:
    others = ("torch", "vllm", "typer", "rich")
    code = f"import sys, frontdoor.process.start; sys.exit(any(name in sys.modules for name in {others}))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await process.wait() == 0
