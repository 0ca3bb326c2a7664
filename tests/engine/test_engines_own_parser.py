"""`slotctl check --here` asks the installed engine itself, before any model is stopped for the sake of another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

CHECKOUT = Path(__file__).parents[2]
DATA_DIR = Path(os.environ.get("SLOT_DATA_DIR") or CHECKOUT / ".slot-data")


def check_here(catalog: Path, name: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "slot.cli", "check", "--here", "--json", name],
        env={**os.environ, "SLOT_CATALOG_DIR": str(catalog), "SLOT_DATA_DIR": str(DATA_DIR)},
        stdout=subprocess.PIPE,
        check=False,
    )
    [report] = json.loads(done.stdout)
    return done.returncode, {finding["check"]: finding for finding in report["findings"]}


def test_the_flags_of_tiny_cpu_are_accepted(real_engine: Path) -> None:
    _, findings = check_here(CHECKOUT / "configs/model-slots", "tiny-cpu")
    assert findings["flags"]["level"] == "ok"
    assert "the parser of vLLM 0.32.0" in findings["flags"]["looked_at"]
    assert findings["venv"]["found"] == "vLLM 0.32.0"
    assert findings["engine_environment"]["level"] == "ok"


def test_a_flag_that_vllm_serve_does_not_have_is_rejected(real_engine: Path, tmp_path: Path) -> None:
    tiny = (CHECKOUT / "configs/model-slots/tiny-cpu.env").read_text()
    (tmp_path / "tiny-cpu.env").write_text(f"{tiny}MODEL_SLOT_EXTRA_ARGS='[\"--async-engine\"]'\n")
    exit_code, findings = check_here(tmp_path, "tiny-cpu")
    assert exit_code == 1
    assert findings["flags"]["level"] == "fail"
    assert "--async-engine" in findings["flags"]["found"]
