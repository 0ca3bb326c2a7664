"""What `slotctl run` does before anything is started: it looks at what the last sweep had to leave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from processes import free_port

from slot import state
from slot.cards import swept
from slot.cards.device_faults import FILE_NAME, noted
from slot.cards.question import SIMULATED_CARDS, Question
from slot.cards.swept import DeviceFault, Left, Swept
from slot.cli.run import run
from slot.exit_codes import ExitCode
from slot.lock import take
from slot.paths import Paths
from slot.profiles.catalog import Catalog, flatten, load_active
from slot.state import Lifecycle, RecoveryStage
from slot.supervisor import gate
from slot.supervisor.aftercare import Care
from slot.supervisor.notify import Notifier
from slot.supervisor.snapshot import blank

CATALOG = Path(__file__).parents[3] / "configs/model-slots"
STUCK = Left(pid=os.getpid(), command="vllm serve")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path, tmp_path, CATALOG, tmp_path / "current.env")
    made.active_profile.write_text(flatten(Catalog(CATALOG).load("sim")))
    return made


def run_here(paths: Paths) -> int:
    return run(paths, active=None, simulate=True, faults=(), seed=0, engine_port=free_port())


def test_nothing_is_loaded_beside_what_is_left(paths: Paths) -> None:
    swept.write(paths.swept_file, Swept(at=0, invocation="", left=(STUCK,)))
    assert run_here(paths) == ExitCode.DEVICE
    found = state.read(paths.state_file)
    assert found is not None
    assert found.failure is not None
    assert (found.state, found.profile.name) == (Lifecycle.FAILED, "sim")
    assert f"vllm serve (pid {os.getpid()}) cannot be ended" in found.failure.cause


def test_a_slot_that_lives_speaks_for_itself(paths: Paths) -> None:
    swept.write(paths.swept_file, Swept(at=0, invocation="", left=(STUCK,)))
    lock = take(paths.lock_file)
    assert run_here(paths) == ExitCode.CANNOT_CREATE
    assert not paths.state_file.exists()
    lock.close()


TOLD = Swept(
    at=2.0,
    invocation="",
    device_fault=DeviceFault(name="copy-engine-reset", line="xe: Engine reset: engine_class=bcs", since=1.0),
)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What the service manager is told."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("SLOT_QUIET_S", "0")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.setblocking(False)
        yield heard


def test_after_a_fault_that_the_kernel_alone_told_of_the_cards_are_asked_first(
    paths: Paths, systemd: socket.socket
) -> None:
    swept.write(paths.swept_file, TOLD)
    (paths.data_dir / SIMULATED_CARDS).write_text('{"0": "faulty"}')
    assert run_here(paths) == ExitCode.DEVICE
    found = state.read(paths.state_file)
    assert found is not None and found.failure is not None and found.recovery is not None
    assert (found.state, found.failure.name, found.recovery.stage) == (
        Lifecycle.FAILED,
        "fault-before",
        RecoveryStage.DONE,
    )
    assert "copy-engine-reset" in found.failure.cause
    assert "slotctl recover" in str(found.failure.next_step)
    assert found.failure.incident is not None and Path(found.failure.incident).is_dir()
    assert any(b"EXTEND_TIMEOUT_USEC" in said for said in received(systemd))
    assert noted(paths.data_dir / FILE_NAME) != []
    assert not paths.loads_file.exists()


def test_cards_that_answer_may_be_loaded_on(paths: Paths, systemd: socket.socket) -> None:
    swept.write(paths.swept_file, TOLD)
    empty = blank(load_active(paths.active_profile), engine_url="http://127.0.0.1:1", simulated=True, now=2.0)
    question = Question("simulated:0", ("/bin/sh", "-c", """echo '{"is_right": true}'"""), {})
    care = Care((question,), paths.data_dir / FILE_NAME, 0.0, swept=TOLD)
    assert TOLD.device_fault is not None
    with closing(Notifier("there is one")) as notifier:
        passed = gate.ask(TOLD.device_fault, care, empty, paths, notifier)
        assert asyncio.run(passed) is ExitCode.OK
    found = state.read(paths.state_file)
    assert found is not None
    assert found.state is Lifecycle.DEGRADED


def received(heard: socket.socket) -> list[bytes]:
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(heard.recv(4096))
    return found
