"""systemd itself reads the units: a directive that it does not know, or would ignore, fails here."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from frontdoor.admin.control_client import DEFAULT_SOCKET
from frontdoor.process import listeners

DIRECTORY = Path(__file__).parents[2] / "deploy/systemd"
UNITS = sorted([*DIRECTORY.glob("*.service"), *DIRECTORY.glob("*.socket")])
SERVICE = (DIRECTORY / "b70-openai-frontdoor.service").read_text()
SOCKET = (DIRECTORY / "b70-openai-frontdoor.socket").read_text()


def value(text: str, directive: str) -> list[str]:
    return re.findall(rf"^{directive}=(.*)$", text, re.MULTILINE)


@pytest.mark.systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path, require: Callable[[object, str], None]) -> None:
    require(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    for other in UNITS:  # a socket is verified with its service, and the other way round
        # verify wants the program to exist: the installed path stands for whatever `slotctl install` will fill in
        (tmp_path / other.name).write_text(other.read_text().replace("/opt/b70-model-slot/bin/", "/bin/true "))
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)], capture_output=True, text=True
    )
    complaints = [line for line in run.stderr.splitlines() if any(other.name in line for other in UNITS)]
    assert (run.returncode, complaints) == (0, [])


def test_these_are_the_units() -> None:
    assert [unit.name for unit in UNITS] == [
        "b70-openai-frontdoor.service",
        "b70-openai-frontdoor.socket",
        "b70-slot-switch@.service",
        "b70-vllm-slot.service",
    ]


def test_the_line_is_as_long_as_the_frontdoor_would_make_it() -> None:
    assert value(SOCKET, "Backlog") == [str(listeners.BACKLOG)]


def test_an_admin_finds_the_control_socket_without_being_told() -> None:
    assert f"FRONTDOOR_CONTROL_SOCKET={DEFAULT_SOCKET}" in value(SERVICE, "Environment")
    assert [str(Path(DEFAULT_SOCKET).parent)] == [f"/run/{name}" for name in value(SERVICE, "RuntimeDirectory")]
