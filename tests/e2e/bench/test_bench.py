"""The benchmark runs and cleans up after itself. What it measures here means nothing: it is a few events."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bench import peers
from bench.rounds import MEASURES
from processes import Family

TESTS = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "bench", "--size", "tiny", "--rounds", "1"]


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env={**os.environ, "PYTHONPATH": str(TESTS), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_measures_everything_and_says_how_far_it_is() -> None:
    with start("--json") as process:
        out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert err.splitlines()[-1].startswith("round 1 of 1: start, ")
    assert "\033" not in err  # nobody watches
    measures = json.loads(out)["measures"]
    assert list(measures) == [measure.name for measure in MEASURES]
    for name, told in measures.items():
        assert all(told["values"][peer] is not None for peer in peers.installed() if peer != peers.DIRECT), name
    assert measures["refused_share"]["values"]["frontdoor"] == 100


def test_without_nginx_it_measures_the_rest() -> None:
    with start("--no-nginx") as process:
        out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert re.search(r"^\| CPU per event, 8 streams, µs +\| +[\d.,]+ \| +- \|$", out, re.MULTILINE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind_when_it_is_interrupted(number) -> None:
    begun = Family()
    with start() as process:
        for line in process.stderr:
            if line.startswith("round 1"):
                break
        begun.remember(process.pid)
        assert len(begun) >= 3  # the emulator and the frontdoor, twice
        process.send_signal(number)
        process.communicate()
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    begun.until_nothing_is_left()
