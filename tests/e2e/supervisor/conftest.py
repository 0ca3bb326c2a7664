"""A supervised slot as a process of its own, in a run directory of its own; what it leaves behind fails the test."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from processes import PATIENCE_S, Family, Found, free_port

from slot import state as slot_state
from slot.state import SlotState

HERE = Path(__file__).parent

PROFILE = """\
MODEL_SLOT_NAME=quick
MODEL_SLOT_HF_ID=simulated/quick
MODEL_SLOT_MODALITIES=text
MODEL_SLOT_STATUS=test
MODEL_SLOT_STATUS_REASON=test
MODEL_SLOT_ENGINE=simulator
MODEL_SLOT_LOAD_TIMEOUT_S={load_timeout_s}
MODEL_SLOT_STALL_TIMEOUT_S={stall_timeout_s}
MODEL_SLOT_STOP_GRACE_S={stop_grace_s}
MODEL_SLOT_WEDGE_TIMEOUT_S={wedge_timeout_s}
SERVE_SERVED_MODEL_NAME={name}
SERVE_MAX_MODEL_LEN={length}
SERVE_MAX_NUM_SEQS=2
FRONTDOOR_MAX_ACTIVE_GENERATIONS=2
MODEL_SLOT_MEASURED_LOAD_S=0.4
MODEL_SLOT_MEASURED_WEIGHTS_S=0.2
MODEL_SLOT_MEASURED_COMPILE_S=0.1
MODEL_SLOT_MEASURED_GRAPH_CAPTURE_S=0.05
MODEL_SLOT_MEASURED_KV_TOKENS=65536
MODEL_SLOT_MEASURED_TTFT_S=0.01
{more}
"""


async def until(find: Callable[[], Found | None], what: Callable[[], str]) -> Found:
    """`processes.until`, with the event loop running meanwhile: it is what buries the supervisors."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := find()) is None:
        assert time.monotonic() < deadline, f"waited in vain for {what()}"
        await asyncio.sleep(0.01)
    return found


class SupervisedSlot:
    """One supervisor process. Its log, engine's output and own messages together, is `log`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.run_dir = directory / "run"
        self.data_dir = directory / "data"
        self.log_file = directory / "supervisor.log"
        self.port = free_port()
        self.supervisors: list[asyncio.subprocess.Process] = []
        self.family = Family()

    def profile(self, file: str = "quick.env", **values: object) -> Path:
        patience = {"load_timeout_s": 60, "stall_timeout_s": 30, "stop_grace_s": 6, "wedge_timeout_s": 600}
        defaults = {**patience, "name": "quick", "length": 4096, "more": ""}
        path = self.directory / file
        path.write_text(PROFILE.format(**{**defaults, **values}))
        return path

    @staticmethod
    def misbehaving(how: str) -> tuple[str, ...]:
        """Options of `start` for an engine of `misbehaving_engine.py`."""
        return ("--engine", sys.executable, str(HERE / "misbehaving_engine.py"), how)

    @staticmethod
    async def exit_code(supervisor: asyncio.subprocess.Process) -> int:
        async with asyncio.timeout(PATIENCE_S):
            return await supervisor.wait()

    async def start(
        self, *options: str, environment: dict[str, str] | None = None, stdout: int | None = None, **values: object
    ) -> asyncio.subprocess.Process:
        words = [self.profile(**values), self.run_dir, self.data_dir, self.port, *options]
        with self.log_file.open("ab") as log:
            supervisor = await asyncio.create_subprocess_exec(
                sys.executable,
                str(HERE / "run_supervisor.py"),
                *map(str, words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stdout or log,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )
        self.supervisors.append(supervisor)
        return supervisor

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def state(self) -> SlotState | None:
        state = slot_state.read(self.run_dir / "state.json")
        self._remember_family()
        return state

    async def until_state(self, word: str) -> SlotState:
        def find() -> SlotState | None:
            state = self.state()
            return state if state is not None and state.state == word else None

        return await until(find, lambda: f"state {word}; the log is\n{self.log}")

    async def until_rewritten(self, state: SlotState) -> SlotState:
        def find() -> SlotState | None:
            later = self.state()
            return later if later is not None and later.updated_at != state.updated_at else None

        return await until(find, lambda: "a newer snapshot")

    async def until_logged(self, text: str) -> str:
        """The first line of the log that has `text`."""

        def find() -> str | None:
            self._remember_family()
            return next((line for line in self.log.splitlines() if text in line), None)

        return await until(find, lambda: f"{text!r} in the log, which is\n{self.log}")

    async def until_nothing_is_left(self) -> None:
        await until(lambda: True if not self.left() else None, lambda: f"the end of {self.left()}")

    def left(self) -> list[int]:
        """Of the processes that were ever seen below the supervisor, those that still run."""
        return self.family.left()

    def _remember_family(self) -> None:
        for supervisor in self.supervisors:
            if supervisor.returncode is None:
                self.family.remember(supervisor.pid)


@pytest.fixture
async def slot(tmp_path: Path) -> AsyncIterator[SupervisedSlot]:
    supervised = SupervisedSlot(tmp_path)
    yield supervised
    for supervisor in supervised.supervisors:
        if supervisor.returncode is None:
            supervised._remember_family()
            supervisor.kill()
            await supervisor.wait()
    try:
        await supervised.until_nothing_is_left()
    finally:
        supervised.family.kill()
