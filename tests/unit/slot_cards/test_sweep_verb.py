from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from slot.cards.departure import Patience
from slot.cards.holders import Holder
from slot.cards.swept import DeviceFault, Left, Swept
from slot.cli.refusal import Refused
from slot.cli.sweep import STOP_TIMEOUT_S, fault_told, patience, stop_timeout_s, sweep, until_free, words
from slot.exit_codes import ExitCode
from slot.failures import kernel_log
from slot.paths import Paths


@pytest.mark.parametrize(
    ("stop_grace_s", "timeout_s", "expected"),
    [
        (240, 300, Patience(245, 280, 285)),
        (6, 300, Patience(11, 280, 285)),
        (600, 300, Patience(270, 280, 285)),
        (6, 40, Patience(10, 20, 25)),
        (6, 23, Patience(0, 3, 8)),
        (6, 10, Patience(0, 0, 5)),
    ],
)
def test_patience(stop_grace_s: float, timeout_s: float, expected: Patience) -> None:
    assert patience(stop_grace_s, timeout_s) == expected


@pytest.mark.parametrize(("said", "seconds"), [(None, 300), ("", 300), ("40", 40), ("soon", 300), ("-1", 300)])
def test_stop_timeout(said: str | None, seconds: float) -> None:
    assert stop_timeout_s({} if said is None else {"SLOT_STOP_TIMEOUT_S": said}) == seconds


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (Swept(at=0, invocation=""), "swept in 0.0 s, nobody is left"),
        (
            Swept(at=0, invocation="", terminated=(1, 2), killed=(2,), waited_s=3.24),
            "swept in 3.2 s, ended 2 by SIGTERM, killed 1, nobody is left",
        ),
        (
            Swept(at=0, invocation="", left=(Left(pid=1, command="vllm"),)),
            "swept in 0.0 s, in the way of the next load: vllm (pid 1) cannot be ended",
        ),
    ],
)
def test_words(record: Swept, line: str) -> None:
    assert words(record) == line


RESET = "xe 0000:03:00.0: [drm] GT0: Engine reset: engine_class=bcs"
SAYS = '[ "$*" = "--dmesg --boot --lines=5000 --no-pager --quiet --output=cat --since=@100.500000" ] && cat KERNEL'


def journalctl(directory: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = directory / "journalctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


def test_the_kernels_fault_is_found_among_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kernel").write_bytes(f"usb 1-2: \xff\n{RESET}\nusb 1-2: gone\n".encode("latin-1"))
    journalctl(tmp_path, SAYS.replace("KERNEL", f"{tmp_path}/kernel"), monkeypatch)
    fault = fault_told(kernel_log.lines(since=100.5), 100.5)
    assert fault == DeviceFault(name="copy-engine-reset", line=RESET, since=100.5)
    record = Swept(at=0, invocation="", device_fault=fault)
    assert words(record).endswith(f"nobody is left, the kernel tells of a device fault, copy-engine-reset: {RESET}")
    assert record.is_clean
    assert fault_told(["usb 1-2: gone"], 100.5) is None


@pytest.mark.parametrize("script", ["exec sleep 1000", "exit 1"])
def test_a_journal_that_says_nothing_in_time_tells_of_no_fault(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journalctl(tmp_path, script, monkeypatch)
    assert kernel_log.lines(limit_s=0.2) == []
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert kernel_log.lines() == []


def test_it_sweeps_nobody_who_calls_it_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SERVICE_RESULT", raising=False)
    with pytest.raises(Refused) as refused:
        sweep(Paths(tmp_path, tmp_path, tmp_path, tmp_path / "current.env"))
    assert refused.value.code is ExitCode.USAGE
    assert list(tmp_path.iterdir()) == []


def test_it_agrees_with_the_unit() -> None:
    unit = (Path(__file__).parents[3] / "deploy/systemd/b70-vllm-slot.service").read_text()
    assert f"TimeoutStopSec={STOP_TIMEOUT_S:g}\n" in unit
    assert "KillMode=process\n" in unit


def test_memory_is_waited_for() -> None:
    """A holder that ends is noticed at once, whatever the limit is."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        held = [Holder(process.pid, 0, "sleep", "0000:03:00.0", 5 << 30)]
        process.terminate()
        assert until_free(lambda: held if process.poll() is None else [], 1000) == []


def test_memory_is_not_waited_for_for_ever() -> None:
    held = [Holder(os.getpid(), 0, "pytest", "0000:03:00.0", 5 << 30)]
    assert until_free(lambda: held, 0.01) == held
