"""Real vLLM on the CPU behind the real frontdoor, as `slotctl up tiny-cpu` starts them.

`scripts/test` installs the engine (docs/engines.md). One start takes 30 to 60 s, so the tests of a file share one.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import openai
import pytest
from processes import Family, free_port, until
from sdk.fixtures import ask, ask_all, ask_of, sdk_processes  # noqa: F401

from slot import state
from slot.host.engine_venv import is_installed, lock_file
from slot.host.engines import CPU
from slot.state import SlotState

CHECKOUT = Path(__file__).parents[2]
DATA_DIR = Path(os.environ.get("SLOT_DATA_DIR") or CHECKOUT / ".slot-data")
MODEL = "tiny-qwen3"
LOAD_PATIENCE_S = 280.0


@dataclass(frozen=True)
class Answer:
    """What a server answered, its bytes as they came."""

    status: int
    headers: Message
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


def fetch(url: str, body: object = None) -> Answer:
    """GET, or POST of a JSON body, with nothing between the test and the server's bytes."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return Answer(refusal.code, refusal.headers, refusal.read())


class Stack:
    """Slot and frontdoor in directories and on ports of their own; `with` starts them, and its end leaves nothing."""

    def __init__(self, directory: Path, profile: str) -> None:
        self.run_dir = directory / "run"
        self.profile = profile
        self.port, self.engine_port = free_port(), free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "SLOT_RUN_DIR": str(self.run_dir),
            "SLOT_DATA_DIR": str(DATA_DIR),
            "SLOT_ACTIVE_PROFILE": str(directory / "current.env"),
        }
        self._log = directory / "up.log"
        self._family = Family()

    def __enter__(self) -> Stack:
        ports = ("--port", str(self.port), "--engine-port", str(self.engine_port))
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self.slotctl("up", self.profile, *ports),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def __exit__(self, *exc: object) -> None:
        self.remember_family()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.until_nothing_is_left()

    def slotctl(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "slot.cli", *words]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask_engine(self, path: str, body: object = None) -> Answer:
        """Past the frontdoor."""
        return fetch(f"http://127.0.0.1:{self.engine_port}{path}", body)

    def ask(self, path: str, body: object = None) -> Answer:
        return fetch(f"{self.url}{path}", body)

    def metric(self, name: str) -> float:
        """The engine's own figure, past the frontdoor."""
        lines = self.ask_engine("/metrics").content.decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"vllm:{name}{{"))

    def until_running(self, number: int) -> None:
        def running() -> bool | None:
            return self.metric("num_requests_running") == number or None

        until(running, lambda: f"{number} requests in the engine")

    def until_active(self, number: int) -> None:
        def active() -> bool | None:
            return self.ask("/status").json()["frontdoor"]["active_generations"] == number or None

        until(active, lambda: f"{number} generations in the frontdoor")

    @property
    def output(self) -> str:
        return self._log.read_text()

    def wait_until_served(self) -> None:
        def banner() -> bool | None:
            assert self.process.poll() is None and "the slot has ended" not in self.output, self.output
            return "Ctrl-C stops it" in self.output or None

        until(banner, lambda: f"tiny-cpu to be served; it said:\n{self.output}", LOAD_PATIENCE_S)
        self.remember_family()

    def state(self) -> SlotState:
        snapshot = state.read(self.run_dir / "state.json")
        assert snapshot is not None
        return snapshot

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """The process of the engine that computes stands still; the others go on, and answer.

        Otherwise nothing here could be caught in the act: the tiny model makes a whole answer before vLLM's API server
        has sent the first event of it, and on two cores the engine keeps everybody else waiting meanwhile (measured:
        a runnable test process got no time for 3 s).
        """
        worker = self.worker()
        os.kill(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):  # it may have been killed meanwhile
                os.kill(worker, signal.SIGCONT)

    def worker(self) -> int:
        """The process of the engine that computes."""
        for pid in self._family:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"VLLM::Worker"):
                    return pid
        raise AssertionError("vLLM has no worker process")

    def remember_family(self) -> None:
        if self.process.poll() is None:
            self._family.remember(self.process.pid)

    def until_nothing_is_left(self) -> None:
        self._family.until_nothing_is_left()


@pytest.fixture(scope="session")
def real_engine(require: Callable[[object, str], None]) -> Path:
    """The engine's venv."""
    venv = DATA_DIR / CPU.directory
    is_there = is_installed(venv, lock_file(CPU)) and (DATA_DIR / "models/tiny-qwen3").is_dir()
    require(is_there, f"REAL vLLM IS NOT INSTALLED in {DATA_DIR}: run scripts/engine-venv")
    return venv


@pytest.fixture(scope="module")
def stack(real_engine: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack"), "tiny-cpu") as stack:
        stack.wait_until_served()
        yield stack


@pytest.fixture
def client(stack: Stack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key="none", max_retries=0, timeout=60) as client:
        yield client
