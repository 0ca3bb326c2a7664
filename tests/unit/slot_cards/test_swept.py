from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from snapshots import snapshot

from slot.cards.swept import DeviceFault, Left, MemoryHeld, Swept, is_alive, obstacle, read, unasked, write
from slot.state import Failure, Lifecycle, SlotState

CLEAN = Swept(at=1.0, invocation="x", terminated=(7,), waited_s=0.5)
STUCK = Left(pid=7, command="vllm serve")
HELD = MemoryHeld(bdf="0000:03:00.0", pid=8, command="", bytes=5 << 30)
STUCK_WORDS = "vllm serve (pid 7) cannot be ended"
HELD_WORDS = "a process (pid 8) holds 5120 MiB of 0000:03:00.0"


@pytest.mark.parametrize(
    ("record", "alive", "words"),
    [
        (None, lambda pid: True, None),
        (CLEAN, lambda pid: True, None),
        (Swept(at=1.0, invocation="x", left=(STUCK,)), lambda pid: True, STUCK_WORDS),
        (Swept(at=1.0, invocation="x", left=(STUCK,)), lambda pid: False, None),
        (Swept(at=1.0, invocation="x", left=(STUCK,), holders=(HELD,)), lambda pid: pid == 8, HELD_WORDS),
        (
            Swept(at=1.0, invocation="x", left=(STUCK,), holders=(HELD,)),
            lambda pid: True,
            f"{STUCK_WORDS}; {HELD_WORDS}",
        ),
    ],
)
def test_obstacle(record: Swept | None, alive: Callable[[int], bool], words: str | None) -> None:
    assert obstacle(record, alive) == words


FAULT = DeviceFault(name="copy-engine-reset", line="Engine reset: engine_class=bcs", since=100.0)
TOLD = Swept(at=1.0, invocation="x", device_fault=FAULT)


def last(kind: str | None, at: float) -> SlotState:
    failure = Failure(cause="", detail="", remedy="", restart_can_help=True, exit_code=1, signal=None, at=at, kind=kind)
    return snapshot(Lifecycle.FAILED, failure=failure)


@pytest.mark.parametrize(
    ("record", "last_words", "fault"),
    [
        (None, None, None),
        (CLEAN, last("engine", 101.0), None),
        (TOLD, None, FAULT),
        (TOLD, snapshot(Lifecycle.SERVING), FAULT),
        (TOLD, last("engine", 101.0), FAULT),
        (TOLD, last(None, 101.0), FAULT),
        (TOLD, last("device", 99.9), FAULT),
        (TOLD, last("device", 100.0), None),
        (TOLD, last("device", 101.0), None),
    ],
)
def test_a_fault_that_the_slot_did_not_see_itself(
    record: Swept | None, last_words: SlotState | None, fault: DeviceFault | None
) -> None:
    assert unasked(record, last_words) == fault


def test_a_number_that_no_process_can_have_is_nobody() -> None:
    assert not is_alive(10**30)


def test_there_and_back(tmp_path: Path) -> None:
    record = Swept(at=1.5, invocation="x", killed=(1, 2), left=(STUCK,), holders=(HELD,), waited_s=3.2)
    write(tmp_path / "swept.json", record)
    assert read(tmp_path / "swept.json") == record
    assert (record.is_clean, CLEAN.is_clean) == (False, True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}'])
def test_what_nobody_can_read_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "swept.json").write_text(text)
    assert read(tmp_path / "swept.json") is None


def test_no_record(tmp_path: Path) -> None:
    assert read(tmp_path / "swept.json") is None


def test_is_alive() -> None:
    assert is_alive(os.getpid())
    assert is_alive(1)
    assert not is_alive(2**22 + 1)  # above the kernel's largest
