"""`slotctl` as a user runs it: real processes, in directories of the test's own. What a test leaves running fails."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import PATIENCE_S, Family, free_port, until

from slot import state
from slot.state import SlotState

QUICK = """\
MODEL_SLOT_NAME=quick
MODEL_SLOT_TITLE=Quick
MODEL_SLOT_PURPOSE=for tests
MODEL_SLOT_HF_ID=simulated/quick
MODEL_SLOT_STATUS=test
MODEL_SLOT_ENGINE=simulator
MODEL_SLOT_STOP_GRACE_S=20
SERVE_MAX_MODEL_LEN=4096
SERVE_MAX_NUM_SEQS=2
FRONTDOOR_MAX_ACTIVE_GENERATIONS=2
MODEL_SLOT_MEASURED_LOAD_S=0.4
MODEL_SLOT_MEASURED_WEIGHTS_S=0.2
MODEL_SLOT_MEASURED_COMPILE_S=0.1
MODEL_SLOT_MEASURED_GRAPH_CAPTURE_S=0.05
MODEL_SLOT_MEASURED_KV_TOKENS=65536
"""


class Running:
    """A `slotctl` that was started and goes on; its output is in a file."""

    def __init__(self, place: Place, argv: tuple[str, ...], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                place.words(argv), env=place.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self.family = Family()

    @property
    def output(self) -> str:
        self.remember_family()
        return self._log.read_text()

    def until_said(self, pattern: str) -> re.Match[str]:
        return until(lambda: re.search(pattern, self.output), lambda: f"{pattern!r} in\n{self.output}")

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def exit_code(self) -> int:
        self.remember_family()
        return self.process.wait(PATIENCE_S)

    def remember_family(self) -> None:
        if self.process.poll() is None:
            self.family.remember(self.process.pid)

    def until_nothing_is_left(self) -> None:
        self.family.until_nothing_is_left()


class Place:
    """Directories and ports of one test, and `slotctl` in them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.run_dir = directory / "run"
        self.data_dir = directory / "data"
        self.catalog_dir = directory / "catalog"
        self.active_profile = directory / "etc/current.env"
        self.port = free_port()
        self.engine_port = free_port()
        self.running: list[Running] = []
        self.catalog_dir.mkdir()
        self.write("quick", QUICK)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "SLOT_RUN_DIR": str(self.run_dir),
            "SLOT_DATA_DIR": str(self.data_dir),
            "SLOT_CATALOG_DIR": str(self.catalog_dir),
            "SLOT_ACTIVE_PROFILE": str(self.active_profile),
        }

    @property
    def ports(self) -> tuple[str, ...]:
        return ("--port", str(self.port), "--engine-port", str(self.engine_port))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def use_shipped_catalog(self) -> None:
        del self.environment["SLOT_CATALOG_DIR"]

    def write(self, name: str, text: str) -> Path:
        path = self.catalog_dir / f"{name}.env"
        path.write_text(text)
        return path

    def words(self, argv: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "slot.cli", *argv]

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(argv), env=self.environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )

    def start(self, *argv: str) -> Running:
        running = Running(self, argv, self.directory / f"slotctl-{len(self.running)}.log")
        self.running.append(running)
        return running

    def up(self, name: str, *options: str) -> Running:
        return self.start("up", name, *self.ports, *options)

    def serving(self, name: str, *options: str) -> Running:
        """`slotctl up`, once its banner is there."""
        running = self.up(name, *options)
        running.until_said(r"Ctrl-C stops it")
        return running

    def state(self) -> SlotState | None:
        return state.read(self.run_dir / "state.json")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    for running in place.running:
        running.remember_family()
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
    try:
        for running in place.running:
            running.until_nothing_is_left()
    finally:
        for running in place.running:
            running.family.kill()
