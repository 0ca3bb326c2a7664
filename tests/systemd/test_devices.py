"""A device fault on a real systemd: who asks the cards, who may start again, and who is left when all is over.

The cards are simulated ones. One machine for all; each test begins with a slot that is stopped and well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from processes import until
from systemd import catalog
from systemd.installed import SLOT, STATE, Installed
from systemd.load import Sort, chat

from slot.exit_codes import ExitCode
from slot.state import Lifecycle, RecoveryStage

pytestmark = pytest.mark.systemd

SIMULATED_CARDS = "/var/lib/b70-vllm-slot/simulated-cards.json"
DEVICE_FAULTS = "/var/lib/b70-vllm-slot/device-faults.json"
SWEPT = "/run/b70-vllm-slot/swept.json"
ENGINE = 18080
FAULTY, LOADING, STUBBORN, FALLING = "sim-faulty", "sim-loading", "sim-stubborn", "sim-falling"
LOST = f"device_lost:after_tokens={catalog.TOKENS_BEFORE_THE_END}"

GRACE_S = 6.0  # of the profiles here


@pytest.fixture(scope="module", autouse=True)
def _settings(installed: Installed) -> None:
    installed.add_profile(FAULTY, LOST, "wedge_card:card=0,how=faulty")
    installed.add_profile(LOADING, "crash_loading:text=device_lost")
    installed.add_profile(STUBBORN, "ignore_sigterm")
    installed.add_profile(FALLING, f"crash:after_tokens={catalog.TOKENS_BEFORE_THE_END}")
    # start limits are another test's
    installed.drop_in(SLOT, "[Unit]\nStartLimitIntervalSec=0\n", "99-devices")


@pytest.fixture(autouse=True)
def _well(installed: Installed) -> Iterator[None]:
    yield
    installed.stop()
    installed.machine.run(["rm", "-f", SIMULATED_CARDS, DEVICE_FAULTS, SWEPT, STATE])
    installed.machine.systemctl("reset-failed", SLOT, check=False)


def start(installed: Installed, profile: str) -> None:
    installed.activate(profile)
    installed.start(SLOT)


def lose_the_device(installed: Installed, profile: str) -> None:
    """By the first long answer. It is asked of the engine itself: what its clients see is another test's."""
    assert chat(installed.machine, port=ENGINE, model=profile, max_tokens=40).sort is not Sort.OK


def how_it_ended(installed: Installed) -> dict[str, str]:
    installed.machine.wait_for(SLOT, ActiveState="failed")
    return installed.machine.show(SLOT, "ExecMainStatus", "NRestarts")


def swept(installed: Installed) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(installed.machine.read(SWEPT))
    return found


def recover(installed: Installed, *words: str) -> tuple[int, str]:
    command = ["env", "SLOT_QUIET_S=0.1", str(installed.venv / "bin/slotctl"), "recover", *words]
    done = installed.machine.run(command, check=False)
    return done.returncode, done.stdout + done.stderr


def test_cards_that_answer_get_one_more_start(installed: Installed) -> None:
    start(installed, catalog.LOST)
    lose_the_device(installed, catalog.LOST)
    installed.machine.wait_for(SLOT, ActiveState="active", NRestarts="1")
    log = installed.log()
    assert any("simulated:0 healthy" in line for line in log), installed.story()
    lose_the_device(installed, catalog.LOST)
    assert how_it_ended(installed) == {"ExecMainStatus": str(ExitCode.DEVICE.value), "NRestarts": "1"}
    state = installed.state()
    assert state is not None
    assert state.state is Lifecycle.FAILED
    assert state.failure is not None
    assert "device fault 2 within an hour" in str(state.failure.next_step)


def test_a_card_that_does_not_keeps_it_down_until_it_is_recovered(installed: Installed) -> None:
    start(installed, FAULTY)
    lose_the_device(installed, FAULTY)
    assert how_it_ended(installed) == {"ExecMainStatus": str(ExitCode.DEVICE.value), "NRestarts": "0"}
    state = installed.state()
    assert state is not None
    assert state.recovery is not None
    assert (state.recovery.stage, state.recovery.cards[0].verdict) == (RecoveryStage.DONE, "faulty")
    assert state.failure is not None
    assert "slotctl recover" in str(state.failure.next_step)
    assert state.failure.cause in installed.slotctl("recover", user="nobody").stdout

    for words, code, said in [
        ((), ExitCode.OK, "> 1 stop"),
        (("--next",), ExitCode.OK, "stop helped: nobody is left"),
        (("--next",), ExitCode.OK, "quiet helped"),
        (("--next",), ExitCode.DEVICE, "probe did not help: simulated:0 faulty"),
        (("--next",), ExitCode.FAILED, "it wants a --yes"),
        (("--next", "--yes"), ExitCode.OK, "rebind helped"),
        (("--all",), ExitCode.OK, "the slot is recovered"),
    ]:
        status, text = recover(installed, *words)
        assert (status, said in text) == (code, True), text
    assert installed.machine.show(SLOT, "ActiveState") == {"ActiveState": "active"}


def test_a_stop_in_the_quiet_is_one_at_once_and_a_switch_waits_for_the_cards(installed: Installed) -> None:
    installed.drop_in(SLOT, "[Service]\nEnvironment=SLOT_QUIET_S=3600\n", "99-then")
    start(installed, catalog.LOST)
    lose_the_device(installed, catalog.LOST)
    stage = until(
        lambda: (state := installed.state()) and state.recovery and state.recovery.stage, lambda: "a recovery"
    )
    assert stage is RecoveryStage.QUIET
    refused = installed.slotctl("switch", catalog.A, check=False)
    assert (refused.returncode, "slotctl recover" in refused.stderr) == (ExitCode.DEVICE, True)
    installed.machine.systemctl("stop", SLOT, timeout=30)  # of an hour of quiet
    installed.drop_out(SLOT, "99-then")
    assert how_it_ended(installed)["ExecMainStatus"] == str(ExitCode.DEVICE.value)


# a kernel with an xe driver, which this machine has not; what is asked of it is a unit test's
JOURNALCTL = "#!/bin/sh\necho 'xe 0000:03:00.0: [drm] GT0: Engine reset: engine_class=bcs, guc_id=5'\n"


def test_a_fault_that_the_kernel_alone_tells_of_is_not_restarted_blindly(installed: Installed) -> None:
    installed.machine.write("/usr/local/lib/fakes/journalctl", JOURNALCTL)
    installed.machine.run(["chmod", "755", "/usr/local/lib/fakes/journalctl"])
    installed.drop_in(SLOT, "[Service]\nEnvironment=PATH=/usr/local/lib/fakes:/usr/bin:/bin\n", "99-then")
    start(installed, FALLING)
    since = len(installed.log())
    lose_the_device(installed, FALLING)
    installed.machine.wait_for(SLOT, ActiveState="active", NRestarts="1")
    log = "\n".join(installed.log()[since:])
    order = ["the engine's core died", "the kernel tells of a device fault, copy-engine-reset", "simulated:0 healthy"]
    assert sorted(order, key=log.index) == order
    lose_the_device(installed, FALLING)
    assert how_it_ended(installed) == {"ExecMainStatus": str(ExitCode.DEVICE.value), "NRestarts": "2"}
    state = installed.state()
    assert state is not None and state.failure is not None
    assert state.failure.name == "fault-before"
    assert "device fault 2 within an hour" in str(state.failure.next_step)
    # who starts it after that knows of it
    installed.start(SLOT)
    installed.drop_out(SLOT, "99-then")


def test_a_fault_while_it_loads_is_no_different(installed: Installed) -> None:
    """And systemd's patience with a start, which is shorter than the quiet here, is asked for."""
    installed.drop_in(SLOT, "[Service]\nTimeoutStartSec=2\nEnvironment=SLOT_QUIET_S=2.5\n", "99-then")
    installed.activate(LOADING)
    assert installed.machine.systemctl("start", SLOT, check=False).returncode != 0
    assert how_it_ended(installed) == {"ExecMainStatus": str(ExitCode.DEVICE.value), "NRestarts": "1"}
    installed.drop_out(SLOT, "99-then")


def test_whoever_may_not_recover_it_may_look(installed: Installed) -> None:
    assert installed.slotctl("recover", user="nobody").returncode == 0
    refused = installed.slotctl("recover", "--next", user="nobody", check=False)
    assert (refused.returncode, "sudo slotctl recover --next" in refused.stderr) == (ExitCode.FAILED, True)


def test_a_supervisor_that_is_killed_leaves_its_engine_to_the_keeper(installed: Installed) -> None:
    start(installed, STUBBORN)
    installed.activate(catalog.A)  # for the start after it
    installed.machine.systemctl("kill", "--kill-whom=main", "--signal=KILL", SLOT)
    installed.machine.wait_for(SLOT, ActiveState="active", NRestarts="1")
    found = swept(installed)
    # the engine is deaf: the keeper gave it the profile's grace before it killed it, and the sweep waited for both
    assert (found["terminated"], found["killed"], found["left"]) == ([], [], []), installed.story()
    assert found["waited_s"] > GRACE_S - 2, installed.story()
    assert installed.until_state("serving").profile.name == catalog.A


def test_the_sweep_ends_what_nobody_else_ends_and_sigkill_is_its_last_word(installed: Installed) -> None:
    installed.drop_in(SLOT, "[Service]\nTimeoutStopSec=23\nEnvironment=SLOT_STOP_TIMEOUT_S=23\n", "99-then")
    start(installed, STUBBORN)
    state = installed.until_state("serving")
    installed.activate(catalog.A)
    # supervisor and keeper at once: nobody is left who would end the engine
    family = installed.processes_of(SLOT)
    keepers = [pid for pid in family if "keeper.py" in installed.machine.read(f"/proc/{pid}/cmdline")]
    installed.machine.run(["kill", "-KILL", *[str(pid) for pid in [state.supervisor_pid, *keepers]]])
    installed.machine.wait_for(SLOT, ActiveState="active", NRestarts="1")
    installed.drop_out(SLOT, "99-then")
    found = swept(installed)
    assert found["killed"], installed.story()
    assert set(found["killed"]) <= set(found["terminated"])  # each was asked before
    assert (found["left"], found["waited_s"] >= 3) == ([], True)
    assert not set(installed.processes_of(SLOT)) & set(family)


def test_nothing_is_loaded_beside_what_is_left(installed: Installed) -> None:
    installed.activate(catalog.A)
    record = {"version": 1, "at": 0.0, "invocation": "", "left": [{"pid": 1, "command": "vllm serve"}]}
    installed.machine.write(SWEPT, json.dumps(record))
    assert installed.machine.systemctl("start", SLOT, check=False).returncode != 0
    assert how_it_ended(installed)["ExecMainStatus"] == str(ExitCode.DEVICE.value)
    state = installed.state()
    assert state is not None
    assert state.failure is not None
    assert "vllm serve (pid 1) cannot be ended" in state.failure.cause
    # it has been swept again meanwhile, and nobody was found: the next start may
    until(lambda: swept(installed)["left"] == [] or None, lambda: "a clean sweep")
    installed.start(SLOT)
