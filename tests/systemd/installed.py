"""The product as an admin has installed it, in a machine: its verbs, its state, its settings, its door.

Decides nothing of how the product is installed: that is `slotctl install`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from processes import until
from systemd import catalog
from systemd.load import Outcome, Sort, chat
from systemd.machine import Machine

from slot import state as slot_state
from slot.state import SlotState

SLOT, DOOR, SOCKET = "b70-vllm-slot.service", "b70-openai-frontdoor.service", "b70-openai-frontdoor.socket"
SWITCH = "b70-slot-switch@{}.service"
ACTIVE_PROFILE = "/etc/b70-vllm-slot/current.env"
STATE = "/run/b70-vllm-slot/state.json"
PLACE = "/opt/b70-model-slot"
# Where no admin and no installer writes: what a test sets is not taken for theirs, and outlives a reboot.
DROP_INS = "/usr/local/lib/systemd/system"

# What a test must not wait for. The rest is as it is installed.
HASTE = {SLOT: "[Service]\nRestartSec=200ms\nEnvironment=SLOT_QUIET_S=0.5\n"}


@dataclass(frozen=True)
class Installed:
    """`venv`, `catalog_dir`: as seen from inside."""

    machine: Machine
    venv: Path
    catalog_dir: Path

    # -- verbs -----------------------------------------------------------------------------------------------------

    def slotctl(
        self, *words: str, check: bool = True, user: str = "root", timeout: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        return self.machine.run([self.venv / "bin/slotctl", *words], check=check, user=user, timeout=timeout)

    def popen_slotctl(self, *words: str, user: str = "root") -> subprocess.Popen[str]:
        """For a verb that something shall happen to, or beside. The caller ends it."""
        command = self.machine.command([self.venv / "bin/slotctl", *words], user=user)
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    # -- units -----------------------------------------------------------------------------------------------------

    def start(self, *units: str, timeout: float = 60.0) -> None:
        """Slot and door, unless told otherwise. One that does not start shows its journal in the test's report."""
        for unit in units or (DOOR, SLOT):
            done = self.machine.systemctl("start", unit, check=False, timeout=timeout)
            assert done.returncode == 0, f"{done.stderr}\n{self.story(unit)}"

    def stop(self) -> None:
        self.machine.systemctl("stop", SLOT, DOOR, SOCKET)

    # -- settings --------------------------------------------------------------------------------------------------

    def add_profile(self, name: str, *faults: str, **keys: object) -> None:
        """One more in the catalog, or another of that name. See catalog.profile."""
        self.machine.write(str(self.catalog_dir / f"{name}.env"), catalog.profile(name, *faults, **keys))

    def activate(self, name: str) -> None:
        """Writes current.env past all checks, as nobody should. What runs, runs on."""
        text = self.machine.read(f"{self.catalog_dir}/{name}.env")
        self.machine.write(ACTIVE_PROFILE, text)

    def drop_in(self, unit: str, text: str, name: str = "99-test") -> None:
        """Settings of this test on top of all others: counted from the unit's next start."""
        self.machine.write(f"{DROP_INS}/{unit}.d/{name}.conf", text)
        self.machine.systemctl("daemon-reload")

    def drop_out(self, unit: str, name: str = "99-test") -> None:
        self.machine.run(["rm", "-f", f"{DROP_INS}/{unit}.d/{name}.conf"])
        self.machine.systemctl("daemon-reload")

    # -- what is to be seen ----------------------------------------------------------------------------------------

    def state(self) -> SlotState | None:
        """None: there is no state.json."""
        return slot_state.read(self.machine.root / STATE.lstrip("/"))

    def active_name(self) -> str:
        """The profile that current.env names."""
        lines = self.machine.read(ACTIVE_PROFILE).splitlines()
        [name] = [line.partition("=")[2].strip("'\"") for line in lines if line.startswith("MODEL_SLOT_NAME=")]
        return name

    def until_state(self, word: str, profile: str = "", patience_s: float = 30.0) -> SlotState:
        def look() -> SlotState | None:
            state = self.state()
            if state is None or state.state != word or profile not in ("", state.profile.name):
                return None
            return state

        return until(look, lambda: f"state {word} {profile}; it is {self.state()}\n{self.story()}", patience_s)

    def until_served(self, model: str = catalog.A, patience_s: float = 30.0) -> None:
        """Until the door has an answer of this model: it follows the slot's state, a moment behind."""
        seen: list[Outcome] = []

        def ask() -> bool | None:
            seen.append(chat(self.machine))
            return (seen[-1].sort, seen[-1].model) == (Sort.OK, model) or None

        until(ask, lambda: f"an answer of {model}; the last one was {seen[-1:]}\n{self.story()}", patience_s)

    def processes_of(self, unit: str) -> list[int]:
        """Whoever is in the unit's control group, by the machine's own numbers. Empty if there is no such group."""
        listed = self.machine.run(
            ["sh", "-c", f"cat $(find /sys/fs/cgroup -path '*/{unit}/cgroup.procs')"], check=False
        )
        return [int(pid) for pid in listed.stdout.split()]

    def story(self, unit: str = SLOT) -> str:
        """The end of its journal, for a test's report."""
        return "\n".join(self.log(unit)[-40:])

    def log(self, unit: str = SLOT) -> list[str]:
        return [str(entry["MESSAGE"]) for entry in self.machine.journal(unit)]


def bring(machine: Machine, wheel: Path, more: Mapping[str, str] | None = None) -> Installed:
    """Product and test profiles are in the machine, and not yet installed. `more`: further profiles' text, by name."""
    venv = machine.bring_in(wheel, PLACE)
    return Installed(machine, venv, catalog.place_in(machine, venv, more or {}))


def install(brought: Installed, profile: str = catalog.A) -> Installed:
    """`profile` is active, all is enabled, and nothing is started yet."""
    brought.slotctl("install", "--profile", profile, "--enable")
    for unit, text in HASTE.items():
        brought.drop_in(unit, text)
    return brought
