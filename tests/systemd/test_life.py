"""A whole life in one go, in the order in which an admin would see it: installed, started, switched, hurt in every way
that the slot has an answer to, rebooted, and taken away again.

What each step does in detail is shown by the tests beside this one; here it is shown that they come after each other.
The clients never stop asking while a model is switched; what they are told is what counts.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import until
from systemd.catalog import profile
from systemd.installed import DOOR, SLOT, SOCKET, STATE, Installed, bring, install
from systemd.load import Load, Sort, chat
from systemd.machine import Machine

from slot.exit_codes import ExitCode

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(240)]

FIRST, SECOND, BAD = "sim-first", "sim-second", "sim-bad"
# long enough to be seen loading
PROFILES = {
    FIRST: profile(FIRST, MODEL_SLOT_MEASURED_LOAD_S=2),
    SECOND: profile(SECOND, MODEL_SLOT_WEDGE_TIMEOUT_S=3),
}
# As many failures as this test brings about would be too many for one half hour.
MANY_STARTS = "[Unit]\nStartLimitBurst=50\n"


def test_a_life(machine: Machine, wheel: Path) -> None:
    machine.run(["groupadd", "--force", "--system", "render"])  # every host that has a GPU has it
    installed = bring(machine, wheel, PROFILES)
    before = everything_kept(machine)
    install(installed, FIRST)
    installed.drop_in(SLOT, MANY_STARTS, "99-many-starts")

    starts_when_a_token_was_generated(installed)
    switches_without_hurting_anybody(installed)
    comes_back(installed, after=lambda: breaks(installed, "crash"))
    comes_back(installed, after=lambda: breaks(installed, "wedge"))
    names_its_incident(installed, "wedged")
    comes_back(installed, after=lambda: breaks(installed, "device_lost"))
    stays_down_after_the_second_device_fault(installed)
    is_brought_back_by_its_admin(installed)
    rolls_back_from_a_bad_profile(installed)
    comes_back_from_a_reboot(installed)
    leaves_nothing(installed, before)


def starts_when_a_token_was_generated(installed: Installed) -> None:
    machine = installed.machine
    machine.systemctl("start", SOCKET, DOOR)
    start = subprocess.Popen(machine.command(["systemctl", "start", SLOT]))
    machine.wait_for(SLOT, ActiveState="activating")
    told = until(lambda: machine.show(SLOT, "StatusText")["StatusText"] or None, lambda: "a word of the load")
    assert "loading" in told, told
    assert told.split(",")[0] in machine.systemctl("status", SLOT, check=False).stdout
    assert start.poll() is None
    # the public port tells how far it is
    refused = chat(machine)
    assert (refused.sort, refused.status) == (Sort.REFUSED, 503), refused
    assert start.wait(timeout=60) == 0
    assert installed.until_state("serving", FIRST, patience_s=0.0).readiness == "generated"
    installed.until_served(FIRST)


def switches_without_hurting_anybody(installed: Installed) -> None:
    with Load(installed.machine) as load:
        load.until(Sort.OK, 4)
        installed.slotctl("switch", SECOND, timeout=120)
        load.until_answered_by(SECOND)
    load.answers.assert_nobody_was_hurt()
    assert load.answers.models == [FIRST, SECOND]
    assert installed.active_name() == SECOND


def breaks(installed: Installed, fault: str) -> None:
    """By one request, as it would happen on a good day."""
    outcome = chat(installed.machine, simulator_fault=fault, max_tokens=40)
    assert outcome.sort is Sort.FAILED, outcome


def comes_back(installed: Installed, after: Callable[[], None]) -> None:
    """By itself: with one restart, as another process, and nothing of the one before is left."""
    restarts = restarts_of(installed)
    before = installed.processes_of(SLOT)
    after()
    until(lambda: restarts_of(installed) == restarts + 1 or None, lambda: f"a restart\n{installed.story()}")
    installed.until_served(SECOND)
    assert restarts_of(installed) == restarts + 1
    assert not set(before) & set(installed.processes_of(SLOT))


def restarts_of(installed: Installed) -> int:
    return int(installed.machine.show(SLOT, "NRestarts")["NRestarts"])


def names_its_incident(installed: Installed, name: str) -> None:
    kept = installed.machine.run(["ls", "/var/lib/b70-vllm-slot/incidents"]).stdout.split()
    assert [incident for incident in kept if name in incident], kept


def stays_down_after_the_second_device_fault(installed: Installed) -> None:
    restarts = restarts_of(installed)
    breaks(installed, "device_lost")
    installed.machine.wait_for(SLOT, ActiveState="failed")
    assert installed.machine.show(SLOT, "ExecMainStatus") == {"ExecMainStatus": str(int(ExitCode.DEVICE))}
    assert restarts_of(installed) == restarts
    assert installed.processes_of(SLOT) == []
    failure = installed.until_state("failed", SECOND).failure
    assert failure is not None and failure.next_step is not None and "slotctl recover" in failure.next_step
    assert failure.next_step in installed.slotctl("status", check=False).stdout
    refused = chat(installed.machine)
    assert (refused.sort, refused.status) == (Sort.REFUSED, 503), refused


def is_brought_back_by_its_admin(installed: Installed) -> None:
    installed.slotctl("recover")
    installed.slotctl("restart", timeout=120)
    installed.until_served(SECOND)


def rolls_back_from_a_bad_profile(installed: Installed) -> None:
    with Load(installed.machine) as load:
        load.until(Sort.OK, 2)
        done = installed.slotctl("switch", BAD, check=False, timeout=120)
        load.until(Sort.OK, 2)
    assert done.returncode == ExitCode.FAILED, done
    load.answers.assert_nobody_was_hurt()
    assert load.answers.models == [SECOND]
    assert installed.active_name() == SECOND
    newest = installed.slotctl("history", "--json").stdout
    assert "rolled_back" in newest and BAD in newest


def comes_back_from_a_reboot(installed: Installed) -> None:
    installed.machine.reboot()
    installed.until_served(SECOND, patience_s=60.0)
    assert installed.active_name() == SECOND
    installed.machine.wait_for(SLOT, ActiveState="active")
    supervisors = [
        words for words in running(installed.machine) if words[1:3] == [f"{installed.venv}/bin/slotctl", "run"]
    ]
    assert len(supervisors) == 1
    assert all(f"simulated/{SECOND}" in words for words in running(installed.machine) if "slot.simulator" in words)


def running(machine: Machine) -> list[list[str]]:
    """The words of every process inside."""
    return [path.read_text().split("\0") for path in (machine.root / "proc").glob("[0-9]*/cmdline")]


def leaves_nothing(installed: Installed, before: dict[str, str]) -> None:
    installed.slotctl("uninstall", "--purge", timeout=120)
    machine = installed.machine
    assert machine.systemctl("list-units", "--all", "--plain", "--no-legend", "b70-*").stdout == ""
    assert machine.systemctl("list-unit-files", "--no-legend", "b70-*", check=False).stdout == ""
    assert chat(machine).sort is Sort.FAILED  # nobody holds the port
    assert not (machine.root / STATE.lstrip("/")).parent.exists()
    after = everything_kept(machine)
    assert {path: after.get(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)} == {}


# what the machine itself writes while it runs, and copies of passwd and the like as they were before
_OF_SYSTEMD = "-path '/var/lib/systemd/*' -o -name '*-' -o -name .pwd.lock -o -name machine-id"


def everything_kept(machine: Machine) -> dict[str, str]:
    """Each file where the product could have written one, with its size and, below /etc, its checksum."""
    written = f"! \\( {_OF_SYSTEMD} \\)"
    listed = f"find /var/lib /var/cache /usr/local/bin /usr/local/sbin -xdev {written} ! -type d -printf '%s %p\\n'"
    summed = f"find /etc -xdev -type f {written} -exec cksum {{}} +"
    lines = machine.run(["sh", "-c", f"{listed}; {summed}"]).stdout.splitlines()
    return {path: facts for facts, _, path in (line.rpartition(" ") for line in lines)}
