from pathlib import Path

import pytest

from slot.doctor.finding import Level
from slot.doctor.installed_engine import InstalledEngine
from slot.doctor.venv import check


def venv_with(directory: Path, *, mode: int = 0o755) -> Path:
    (directory / "bin").mkdir()
    (directory / "bin/vllm").write_text("#!/bin/sh\n")
    (directory / "bin/vllm").chmod(mode)
    return directory


def engine(version: str) -> InstalledEngine:
    return InstalledEngine(Path("venv"), version, "")


@pytest.mark.parametrize(
    ("proven_on", "version", "level"),
    [
        (None, "0.33.0", Level.OK),
        ("0.32", "0.32.0+cpu", Level.OK),
        ("0.20-local", "0.20.1", Level.OK),
        ("0.20-local", "0.32.0", Level.WARN),
    ],
)
def test_the_line_is_compared_with_what_is_installed(
    tmp_path: Path, proven_on: str | None, version: str, level: Level
) -> None:
    finding = check(venv_with(tmp_path), engine(version), proven_on=proven_on, lost=(), how_to_install="")
    assert finding.level == level
    assert finding.found == f"vLLM {version}"


def test_no_program_says_how_to_install_it(tmp_path: Path) -> None:
    finding = check(tmp_path / "no", None, proven_on=None, lost=(), how_to_install="install it so")
    assert (finding.level, finding.do) == (Level.FAIL, "install it so")
    assert finding.found == f"no such file: there is no {tmp_path}/no"


def test_a_program_without_its_mode_fails(tmp_path: Path) -> None:
    finding = check(venv_with(tmp_path, mode=0o644), engine("0.32.0"), proven_on=None, lost=(), how_to_install="")
    assert (finding.level, finding.found) == (Level.FAIL, "not executable")


def test_a_program_without_a_known_version_is_a_warning(tmp_path: Path) -> None:
    assert check(venv_with(tmp_path), None, proven_on="0.32", lost=(), how_to_install="").level == Level.WARN


def test_another_line_names_what_is_lost(tmp_path: Path) -> None:
    finding = check(
        venv_with(tmp_path), engine("0.32.0"), proven_on="0.20-local", lost=("VLLM_A", "VLLM_B"), how_to_install=""
    )
    assert finding.found == "vLLM 0.32.0, which does not read VLLM_A, VLLM_B"
