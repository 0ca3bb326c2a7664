"""Our package inside a machine: that whoever a unit runs as can run it, in the strictest of sandboxes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from systemd.machine import Machine

pytestmark = pytest.mark.systemd

PLACE = "/opt/b70-model-slot"

STRICT = """\
[Unit]
CollectMode=inactive-or-failed
[Service]
Type=oneshot
RemainAfterExit=yes
DynamicUser=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectProc=invisible
NoNewPrivileges=yes
CapabilityBoundingSet=
SystemCallFilter=@system-service
ExecStart={command}
"""


@pytest.fixture(scope="module")
def venv(machine: Machine, wheel: Path) -> Path:
    return machine.bring_in(wheel, PLACE)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("python -m frontdoor --help", "usage: frontdoor"),
        ("frontdoor --help", "usage: frontdoor"),
        ("slotctl --version", "0."),
    ],
)
def test_a_dynamic_user_runs_it_in_a_strict_sandbox(machine: Machine, venv: Path, command: str, said: str) -> None:
    unit = f"tries-{command.split()[0]}"
    machine.write(f"/etc/systemd/system/{unit}.service", STRICT.format(command=f"{venv}/bin/{command}"))
    machine.systemctl("daemon-reload")
    machine.systemctl("start", unit, check=False)
    lines = [entry["MESSAGE"] for entry in machine.journal(unit)]
    assert machine.show(unit, "Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}, lines
    assert any(said in line for line in lines), lines
    machine.systemctl("stop", unit)


def test_a_user_of_the_system_runs_it(machine: Machine, venv: Path) -> None:
    machine.run(["useradd", "--system", "--no-create-home", "b70-slot"])
    assert machine.run(["id", "-un"], user="b70-slot").stdout == "b70-slot\n"
    machine.run([venv / "bin/slotctl", "--version"], user="b70-slot")
    machine.run([venv / "bin/python", "-m", "frontdoor", "--help"], user="b70-slot")


def test_what_runs_is_what_was_brought_in(machine: Machine, venv: Path) -> None:
    ask = "import frontdoor, slot, sys; print(*[m.__file__ for m in (frontdoor, slot)], sys.prefix, sep='\\n')"
    *files, prefix = machine.run([venv / "bin/python", "-c", ask]).stdout.split()
    assert prefix == PLACE
    assert [file.startswith(f"{PLACE}/lib/") for file in files] == [True, True]


def test_it_can_be_taken_out_again(machine: Machine, wheel: Path) -> None:
    before = set(os.listdir(machine.root / "opt"))
    venv = machine.bring_in(wheel, "/opt/second")
    machine.run(["rm", "-r", venv])
    assert set(os.listdir(machine.root / "opt")) == before
