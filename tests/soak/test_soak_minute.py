"""A minute of the soak. An hour of it is run by people: docs/soak.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.timeout(300)
def test_a_minute_at_the_cap_leaves_nothing_behind() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "soak", "--minutes", "1", "--json"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
    )
    assert run.stdout, run.stderr
    told = json.loads(run.stdout)
    failed = [row for row in told["verdict"] if not row["is_fine"]]
    assert (failed, run.returncode) == ([], 0), run.stderr
