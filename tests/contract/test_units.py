"""systemd itself reads the units: a directive that it does not know, or would ignore, fails here."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).parents[2] / "deploy/systemd").glob("*.service"))


@pytest.mark.systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path, require: Callable[[object, str], None]) -> None:
    require(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    # verify wants the program to exist: the installed path stands for whatever `slotctl install` will fill in
    text = unit.read_text().replace("/opt/b70-model-slot/bin/", "/bin/true ")
    (tmp_path / unit.name).write_text(text)
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)], capture_output=True, text=True
    )
    complaints = [line for line in run.stderr.splitlines() if unit.name in line]
    assert (run.returncode, complaints) == (0, [])


def test_there_are_two_units() -> None:
    assert [unit.name for unit in UNITS] == ["b70-openai-frontdoor.service", "b70-vllm-slot.service"]
