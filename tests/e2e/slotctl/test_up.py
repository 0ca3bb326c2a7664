"""`slotctl up`: from a profile to tokens and back to nothing, in every way that it can end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import openai
import pytest
from processes import until

LONG = {"max_tokens": 2000, "stream": True}


def client(place: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{place.url}/v1", api_key="none", max_retries=0, timeout=20)


def ask(place: Any, **more: Any) -> Any:
    messages = [{"role": "user", "content": "Hello"}]
    return client(place).chat.completions.create(model="quick", messages=messages, **more)


def status(place: Any) -> dict[str, Any]:
    with urllib.request.urlopen(f"{place.url}/status", timeout=5) as answer:
        return json.loads(answer.read())


def test_the_default_profile_streams_and_stops(place: Any) -> None:
    place.use_shipped_catalog()
    up = place.serving("sim")
    command = up.until_said(r"(?s)curl -N .*?'\n").group()
    pasted = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert pasted.stdout.startswith("data: {")
    assert pasted.stdout.rstrip().endswith("data: [DONE]")
    up.interrupt()
    assert up.exit_code() == 0
    assert up.output.rstrip().endswith("stopped")
    up.until_nothing_is_left()


def test_from_start_to_stop(place: Any) -> None:
    up = place.serving("quick")
    for fact in (f"{place.url}/v1", "quick", "4096 tokens", "2 at once"):
        assert fact in up.output
    assert re.search(r"(?m)^loading: ", up.output)

    with ask(place, stream=True, max_tokens=20) as chunks:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text
    assert status(place)["slot"]["state"] == "serving"
    assert place.run("status").returncode == 0

    up.interrupt()
    assert up.exit_code() == 0
    assert "stopping the engine" in up.output
    up.until_nothing_is_left()
    assert place.run("status").returncode == 69


def test_an_engine_that_is_killed_is_said_at_once_and_everywhere(place: Any) -> None:
    up = place.serving("quick")
    state = place.state()
    os.kill(state.engine_pid, signal.SIGKILL)
    killed = time.monotonic()
    while status(place)["slot"]["state"] != "failed":
        assert time.monotonic() - killed < 1.0, "the frontdoor did not notice within a second"

    up.until_said(r"the slot has ended")
    with pytest.raises(openai.APIStatusError) as refused:
        ask(place)
    assert refused.value.status_code == 503
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(f"{place.url}/health", timeout=5)
    assert place.run("status").returncode == 1
    up.interrupt()
    assert up.exit_code() == 1
    up.until_nothing_is_left()


def test_an_engine_that_cannot_load_leaves_a_cause_and_a_door_that_says_it(place: Any) -> None:
    up = place.up("quick", "--fault", "crash_loading:text=device_lost")
    up.until_said(r"the slot has ended: .+\n +found .+\n +do .+")
    assert re.search(r"(?m)^  \| ", up.output), "the engine's last words"
    failure = until(lambda: status(place)["slot"].get("failure"), lambda: "the frontdoor to tell the failure")
    assert failure["cause"] in up.output
    up.interrupt()
    assert up.exit_code() == 1


def test_what_is_streaming_ends_before_the_engine_is_stopped(place: Any) -> None:
    up = place.serving("quick")
    with ask(place, stream=True, max_tokens=30) as chunks:
        first = next(iter(chunks))
        up.interrupt()
        rest = list(chunks)
    assert first.choices
    assert rest[-1].choices[0].finish_reason == "length"
    assert up.exit_code() == 0


def test_a_second_ctrl_c_ends_an_engine_that_does_not_listen(place: Any) -> None:
    up = place.serving("quick", "--fault", "ignore_sigterm")
    up.interrupt()
    up.until_said(r"stopping the engine")
    up.interrupt()
    up.until_said(r"killing the engine")
    asked = time.monotonic()
    up.exit_code()
    assert time.monotonic() - asked < 10, "the grace of 20 s was waited for"
    up.until_nothing_is_left()


def test_ctrl_c_while_it_loads(place: Any) -> None:
    up = place.up("quick", "--fault", "slow_start:seconds=60")
    up.until_said(r"loading: ")
    up.interrupt()
    assert up.exit_code() == 0
    up.until_nothing_is_left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_ways_to_ask_for_a_stop(place: Any, number: signal.Signals) -> None:
    up = place.serving("quick")
    up.process.send_signal(number)
    assert up.exit_code() == 0
    up.until_nothing_is_left()


def test_kill_dash_nine_leaves_no_orphan(place: Any) -> None:
    up = place.serving("quick")
    up.remember_family()
    assert len(up.family) >= 4, "frontdoor, supervisor, keeper, engine"
    up.process.kill()
    up.exit_code()
    up.until_nothing_is_left()


def test_a_killed_supervisor_takes_its_engine_along(place: Any) -> None:
    up = place.serving("quick")
    os.kill(place.state().supervisor_pid, signal.SIGKILL)
    up.until_said(r"the slot has ended: it left no reason")
    up.interrupt()
    assert up.exit_code() == 1
    assert up.family.left() == []


def test_without_its_frontdoor_the_slot_is_stopped(place: Any) -> None:
    up = place.serving("quick")
    door = next(pid for pid in up.family if b"frontdoor" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(door, signal.SIGKILL)
    assert up.exit_code() == 1
    assert "the frontdoor ended by itself" in up.output
    up.until_nothing_is_left()


def test_a_second_one_is_refused_and_the_first_goes_on(place: Any) -> None:
    up = place.serving("quick")
    again = place.run("up", "quick")
    assert again.returncode == 73
    assert place.run("status").returncode == 0
    up.interrupt()
    assert up.exit_code() == 0


def test_what_another_version_left_in_place_of_the_snapshot_is_no_obstacle(place: Any) -> None:
    place.run_dir.mkdir(parents=True, exist_ok=True)
    (place.run_dir / "state.json").write_text('{"version": 2}')
    up = place.serving("quick")
    up.interrupt()
    assert up.exit_code() == 0


def test_verbose_shows_what_both_log(place: Any) -> None:
    up = place.serving("quick", "--verbose")
    assert re.search(r"(?m)^engine: .*Starting vLLM", up.output)
    assert re.search(r"(?m)^frontdoor: .*frontdoor_start", up.output)
    up.interrupt()
    up.exit_code()


def test_a_setting_of_the_shell_changes_nothing(place: Any) -> None:
    place.environment |= {"FRONTDOOR_MAX_ACTIVE_GENERATIONS": "7", "VLLM_CACHE_ROOT": "/nowhere"}
    up = place.serving("quick")
    assert status(place)["frontdoor"]["max_active_generations"] == 2
    assert "FRONTDOOR_MAX_ACTIVE_GENERATIONS of the environment is not used: the profile decides" in up.output
    up.interrupt()
    up.until_said(r"open requests may take 5 s")
    assert up.exit_code() == 0


def test_with_a_certificate_the_banner_comes_all_the_same(place: Any, require: Any) -> None:
    require(shutil.which("openssl"), "the openssl program makes the certificate of this test")
    certificate, key = place.directory / "tls.pem", place.directory / "tls.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    words += ["-subj", "/CN=gpubox", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run(words, check=True, capture_output=True)
    key.chmod(0o600)
    place.environment |= {"FRONTDOOR_TLS_CERTIFICATE": str(certificate), "FRONTDOOR_TLS_PRIVATE_KEY": str(key)}
    up = place.serving("quick")
    assert f"https://127.0.0.1:{place.port}/v1" in up.output
    command = up.until_said(r"(?s)curl -N .*?'\n").group()
    pasted = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert pasted.stdout.rstrip().endswith("data: [DONE]")
    # whether it is known of the certificate or not
    for words in ((), ("--url", place.url)):
        told = place.run("status", *words)
        assert (told.returncode, f"frontdoor  admitting  https://127.0.0.1:{place.port}\n" in told.stdout) == (0, True)
    up.interrupt()
    assert up.exit_code() == 0


def test_a_setting_of_the_host_reaches_the_frontdoor(place: Any) -> None:
    key_file = place.directory / "api-keys"
    key_file.write_text("infer alice 0123456789abcdef\n")
    key_file.chmod(0o600)
    place.environment |= {"FRONTDOOR_API_KEYS_FILE": str(key_file), "FRONTDOOR_DRAIN_TIMEOUT_S": "7"}
    up = place.serving("quick")
    with pytest.raises(openai.AuthenticationError):
        ask(place)
    command = up.until_said(r"(?s)curl -N .*?'\n").group()
    with_key = {**os.environ, "KEY": "0123456789abcdef"}
    pasted = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=with_key, check=True)
    assert pasted.stdout.rstrip().endswith("data: [DONE]")
    up.interrupt()
    up.until_said(r"open requests may take 7 s")
    assert up.exit_code() == 0


@pytest.fixture
def keyed(place: Any) -> Any:
    """The place of a frontdoor that wants a key."""
    key_file = place.directory / "api-keys"
    key_file.write_text("infer alice 0123456789abcdef\n")
    key_file.chmod(0o600)
    place.environment["FRONTDOOR_API_KEYS_FILE"] = str(key_file)
    return place


def test_the_status_of_a_frontdoor_with_keys_is_told_by_its_control_socket(keyed: Any) -> None:
    keyed.environment["FRONTDOOR_CONTROL_SOCKET"] = str(keyed.directory / "control.sock")
    up = keyed.serving("quick")
    del keyed.environment["FRONTDOOR_CONTROL_SOCKET"]  # another terminal
    told = keyed.run("status")
    assert (told.returncode, "  now      0 of 2 generations, 0 waiting\n" in told.stdout) == (0, True), told
    up.interrupt()
    assert up.exit_code() == 0


def test_without_a_control_socket_the_status_says_what_is_missing(keyed: Any) -> None:
    up = keyed.serving("quick")
    nobodys = keyed.directory / "control.sock"
    keyed.environment["FRONTDOOR_CONTROL_SOCKET"] = str(nobodys)
    told = keyed.run("status")
    assert told.returncode == 0
    assert told.stdout.endswith(
        f"frontdoor  admitting  {keyed.url}\n  now      not told: it wants a key; without one, start it with a control "
        f"socket, and name that in FRONTDOOR_CONTROL_SOCKET: nobody answers at {nobodys}\n"
    )
    asked = json.loads(keyed.run("status", "--json", "--url", keyed.url).stdout)
    assert (asked["serving"], asked["frontdoor"]) == (True, None)
    assert "frontdoor status --socket" in asked["frontdoor_missing"]
    up.interrupt()
    assert up.exit_code() == 0
