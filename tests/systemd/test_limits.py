"""What the units may not do: not that it is written in them, but that it holds.

Limits of memory and tasks need cgroup controllers that the host has left to the machine. Where it has not, systemd
ignores them without a word, and these tests are skipped, under CI too: nothing can be installed that would change it.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from systemd import catalog
from systemd.installed import DOOR, SLOT, Installed, bring, install
from systemd.load import Sort, chat
from systemd.machine import Machine
from systemd.plan import Hierarchy
from systemd.requirements import why_not

pytestmark = pytest.mark.systemd

Boot = Callable[..., Machine]

# -- memory and tasks ------------------------------------------------------------------------------------------------

HUNGRY = "sim-hungry"
MIB = 1 << 20


@pytest.fixture(scope="module")
def limited(boot_for_all: Boot, wheel: Path) -> Installed:
    """On a machine whose limits act, if this host can have one."""
    with_limits = Hierarchy.UNIFIED if why_not(Hierarchy.LEGACY) else Hierarchy.LEGACY
    return install(bring(boot_for_all(hierarchy=with_limits), wheel))


def needs(limited: Installed, controller: str) -> None:
    if not limited.machine.enforces(controller):
        pytest.skip(f"NOT SHOWN: this host keeps the cgroup controller {controller} from its machines; no limit acts")


@pytest.mark.parametrize(
    ("controller", "appetite", "limit", "told"),
    [
        ("memory", f"hog:bytes={400 * MIB}", "MemoryMax=300M", "memory ran out"),
        ("pids", "hog:tasks=300", "TasksMax=150", "can't start new thread"),
    ],
)
def test_an_engine_that_takes_too_much_is_stopped_by_its_limit(
    limited: Installed, controller: str, appetite: str, limit: str, told: str
) -> None:
    needs(limited, controller)
    limited.add_profile(HUNGRY, appetite)
    limited.activate(HUNGRY)
    limited.start()  # without the limit it is served: so what stops it then is the limit, and nothing else
    limited.until_served(HUNGRY)
    limited.drop_in(SLOT, f"[Service]\n{limit}\nRestart=no\n", "99-limit")
    restarted = limited.machine.systemctl("restart", SLOT, check=False)
    assert restarted.returncode != 0
    failure = limited.until_state("failed", HUNGRY).failure
    assert failure is not None and told in f"{failure.cause}\n{failure.detail}", failure
    assert limited.processes_of(SLOT) == []
    # the door outlives it: what is short for the slot is not short for those who ask
    assert chat(limited.machine).sort is Sort.REFUSED
    assert limited.machine.show(DOOR, "NRestarts") == {"NRestarts": "0"}
    limited.drop_out(SLOT, "99-limit")


def test_the_units_own_limit_of_tasks_is_in_force(limited: Installed) -> None:
    needs(limited, "pids")
    limited.activate(catalog.A)
    limited.start()
    shown = limited.machine.show(SLOT, "TasksMax")["TasksMax"]
    written = limited.machine.run(["sh", "-c", f"cat $(find /sys/fs/cgroup -path '*/{SLOT}/pids.max')"]).stdout.strip()
    assert written == shown != "infinity"


def test_swap_is_denied(limited: Installed) -> None:
    limited.start()
    find = f"cat $(find /sys/fs/cgroup -path '*/{SLOT}/memory.swap.max')"
    written = limited.machine.run(["sh", "-c", find], check=False).stdout.strip()
    if not written:
        pytest.skip("NOT SHOWN: cgroups of version 1, or no memory controller: there is no limit of swap to look at")
    assert written == "0"


# -- the sandbox -----------------------------------------------------------------------------------------------------

ELSEWHERE = "192.0.2.1"  # an address for documentation (RFC 5737): on this machine's loopback, and yet not localhost
PORT = 4321
OFF_LIMITS = ("/", "/etc", "/etc/b70-vllm-slot", "/usr", "/opt/b70-model-slot", "/var/lib", "/root", "/home")
_SET_ADDRESS = 0x8916  # SIOCSIFADDR, netdevice(7)


@contextmanager
def listening(machine: Machine) -> Iterator[None]:
    """On all addresses, one of which is not localhost."""

    def there() -> socket.socket:
        server = socket.create_server(("", PORT))
        address = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(ELSEWHERE))
        fcntl.ioctl(server, _SET_ADDRESS, address)
        return server

    with machine.in_network(there):
        yield


def from_within(installed: Installed, unit: str, *directories: str) -> dict[str, Any]:
    """What within.py finds as the unit that starts."""
    machine, script = installed.machine, "/usr/local/lib/within.py"
    machine.write(script, Path(__file__).with_name("within.py").read_text())
    words = " ".join([f"{installed.venv}/bin/python", script, str(PORT), *OFF_LIMITS, *directories])
    installed.drop_in(unit, f"[Service]\nExecStartPre={words}\n", "98-within")
    with listening(machine):
        installed.start(unit)
    installed.machine.systemctl("stop", unit)
    installed.drop_out(unit, "98-within")
    found: dict[str, Any] = json.loads(next(line for line in installed.log(unit) if line.startswith("{")))
    return found


SEALED = {
    "is_root": False,
    "capabilities": 0,
    "no_new_privileges": True,
    "is_filtered": True,
    "sees_others": False,
}


def test_without_a_sandbox_all_of_it_is_allowed(installed: Installed) -> None:
    """Else the tests below would show nothing."""
    installed.machine.write(
        "/etc/systemd/system/free.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\n"
    )
    found = from_within(installed, "free.service")
    assert found["written"] == list(OFF_LIMITS)
    assert found["reached"] == ["127.0.0.1", ELSEWHERE]
    assert not any(found[claim] == value for claim, value in SEALED.items())


@pytest.mark.parametrize(
    ("unit", "reached", "writable"),
    [
        (SLOT, ["127.0.0.1"], ["/run/b70-vllm-slot", "/var/lib/b70-vllm-slot", "/tmp"]),
        (DOOR, ["127.0.0.1", ELSEWHERE], ["/run/b70-openai-frontdoor", "/tmp"]),
    ],
)
def test_the_sandbox_holds(installed: Installed, unit: str, reached: list[str], writable: list[str]) -> None:
    found = from_within(installed, unit, *writable)
    assert (found["reached"], found["written"]) == (reached, writable)
    assert {claim: found[claim] for claim in SEALED} == SEALED
    assert not [name for name in found["devices"] if name.startswith(("sd", "vd", "nvme", "mem", "kmsg", "port"))]
