"""The port never falls silent: without a profile, with a bad one, and after systemd has given the frontdoor up."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from systemd.catalog import A, B
from systemd.installed import ACTIVE_PROFILE, DOOR, SLOT, SOCKET, Installed
from systemd.load import Sort, chat
from systemd.machine import Machine

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(120)]

KEYS = "/etc/b70-vllm-slot/api-keys"
# the next client that comes takes the socket down with it
WRONG = "[Unit]\nStartLimitBurst=1\n[Service]\nEnvironment=FRONTDOOR_QUEUE_TIMEOUT_S=soon\n"


@pytest.fixture
def slot(installed: Installed) -> Iterator[Installed]:
    """It serves A."""
    installed.activate(A)
    installed.start()
    installed.until_served(A)
    yield installed
    installed.drop_out(DOOR)
    installed.machine.systemctl("reset-failed", DOOR, SOCKET, SLOT, check=False)
    installed.stop()


def test_without_a_profile_the_port_says_so_and_a_switch_mends_it(slot: Installed) -> None:
    slot.machine.run(["rm", ACTIVE_PROFILE])
    slot.machine.systemctl("restart", SLOT, check=False)
    slot.machine.systemctl("restart", DOOR, SOCKET)
    refused = chat(slot.machine)
    assert (refused.sort, refused.status) == (Sort.REFUSED, 503)
    assert "no profile is active" in refused.words
    told = slot.slotctl("status", check=False)
    assert told.returncode == 69
    assert f"{ACTIVE_PROFILE} does not exist" in told.stdout
    slot.slotctl("switch", A)
    slot.until_served(A)


def test_a_bad_profile_is_named_with_its_line(slot: Installed) -> None:
    text = slot.machine.read(ACTIVE_PROFILE)
    slot.machine.write(ACTIVE_PROFILE, f"{text}SERVE_MAX_MODEL_LENN=5\n")
    where = f"{ACTIVE_PROFILE}:{len(text.splitlines()) + 1}: SERVE_MAX_MODEL_LENN: found "
    slot.machine.systemctl("restart", SLOT, check=False)
    slot.machine.systemctl("restart", DOOR)
    refused = chat(slot.machine)
    assert (refused.sort, refused.status) == (Sort.REFUSED, 503)
    assert where in refused.words
    told = slot.slotctl("status", check=False)
    assert told.returncode == 69
    assert f"  found    {where}" in told.stdout


def test_a_frontdoor_that_was_given_up_is_told_and_a_switch_starts_it(slot: Installed) -> None:
    slot.drop_in(DOOR, WRONG)
    assert slot.machine.systemctl("restart", DOOR, check=False).returncode != 0
    slot.machine.wait_for(DOOR, ActiveState="failed")
    chat(slot.machine)
    slot.machine.wait_for(SOCKET, ActiveState="failed")
    told = slot.slotctl("status", check=False)
    assert told.returncode == 69
    assert "frontdoor  not running" in told.stdout
    slot.drop_out(DOOR)
    slot.slotctl("switch", B)
    slot.until_served(B)
    assert slot.slotctl("status").returncode == 0


def models(machine: Machine, key: str) -> int:
    """The status of `GET /v1/models` with this key."""

    def ask() -> int:
        with closing(HTTPConnection("127.0.0.1", 8000, timeout=10)) as connection:
            connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
            return connection.getresponse().status

    return machine.in_network(ask)


def test_keys_that_only_root_may_read_reach_it_as_a_credential(slot: Installed) -> None:
    """The recipe of docs/security.md, under the unit as it is shipped."""
    machine, old, new = slot.machine, "0123456789abcdef-old", "0123456789abcdef-new"
    machine.write(KEYS, f"infer alice {old}\n", mode=0o600)
    slot.drop_in(DOOR, f"[Service]\nLoadCredential=api-keys:{KEYS}\n")
    machine.systemctl("restart", DOOR)
    assert (models(machine, old), models(machine, new)) == (200, 401)
    # systemd has copied the file when the service started
    machine.write(KEYS, f"infer alice {new}\n", mode=0o600)
    machine.systemctl("reload", DOOR)
    machine.run([slot.venv / "bin/frontdoor", "replace"])
    assert (models(machine, old), models(machine, new)) == (200, 401)
    machine.systemctl("restart", DOOR)
    assert (models(machine, old), models(machine, new)) == (401, 200)
    assert slot.slotctl("status").returncode == 0
    machine.run(["rm", KEYS])


def test_keys_reach_it_as_an_encrypted_credential(slot: Installed) -> None:
    machine, key = slot.machine, "0123456789abcdef"
    machine.write(KEYS, f"infer alice {key}\n", mode=0o600)
    machine.run(["systemd-creds", "encrypt", "--name=api-keys", KEYS, f"{KEYS}.cred"])
    machine.run(["rm", KEYS])
    slot.drop_in(DOOR, f"[Service]\nLoadCredentialEncrypted=api-keys:{KEYS}.cred\n")
    machine.systemctl("restart", DOOR)
    assert (models(machine, key), models(machine, f"{key}-wrong")) == (200, 401)
    machine.run(["rm", f"{KEYS}.cred"])


def test_a_private_key_that_only_root_may_read_reaches_it_as_a_credential(slot: Installed, tmp_path: Path) -> None:
    machine, pem, key = slot.machine, tmp_path / "tls.pem", tmp_path / "tls.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-subj", "/CN=gpubox", "-out", str(pem), "-keyout", str(key)]
    subprocess.run(words, check=True, capture_output=True)
    machine.write("/etc/b70-vllm-slot/tls.pem", pem.read_text())
    machine.write("/etc/b70-vllm-slot/tls.key", key.read_text(), mode=0o600)
    lines = ["[Service]", "LoadCredential=tls.key:/etc/b70-vllm-slot/tls.key"]
    lines += ["Environment=FRONTDOOR_TLS_PRIVATE_KEY=%d/tls.key"]
    lines += ["Environment=FRONTDOOR_TLS_CERTIFICATE=/etc/b70-vllm-slot/tls.pem", ""]
    slot.drop_in(DOOR, "\n".join(lines))
    machine.systemctl("restart", DOOR)
    told = slot.slotctl("status")
    assert "frontdoor  admitting  https://127.0.0.1:8000" in told.stdout
    machine.run(["rm", "/etc/b70-vllm-slot/tls.pem", "/etc/b70-vllm-slot/tls.key"])


def test_a_frontdoor_that_cannot_be_started_again_has_an_exit_code_of_its_own(slot: Installed) -> None:
    slot.drop_in(DOOR, WRONG)
    assert slot.machine.systemctl("restart", DOOR, check=False).returncode != 0
    slot.machine.wait_for(DOOR, ActiveState="failed")
    done = slot.slotctl("switch", B, "--json", check=False)
    told = json.loads(done.stdout)
    assert (done.returncode, told["outcome"], told["exit_code"]) == (68, "switched", 68)
    assert told["door_shut"].startswith("the frontdoor has failed, and does not start again: ")
    assert "  do     sudo systemctl reset-failed" in done.stderr
    assert f"nobody reached it: {told['door_shut']}" in slot.slotctl("history").stdout
    assert slot.slotctl("switch", B, check=False).returncode == 68
    slot.drop_out(DOOR)
    slot.machine.systemctl("reset-failed", DOOR, SOCKET)
    slot.slotctl("restart")
    slot.until_served(B)


def test_a_frontdoor_that_was_stopped_stays_so_and_a_switch_says_it(slot: Installed) -> None:
    slot.machine.systemctl("stop", DOOR, SOCKET)
    done = slot.slotctl("switch", B, "--json")
    told = json.loads(done.stdout)
    assert (told["outcome"], told["exit_code"], told["door_shut"]) == ("switched", 0, None)
    assert "the frontdoor does not run" in done.stderr
    assert slot.machine.show(DOOR, "ActiveState") == {"ActiveState": "inactive"}
