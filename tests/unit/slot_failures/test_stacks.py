"""Where processes stand: real ones, with py-spies that answer, refuse, stay silent, or are not there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slot.failures import stacks

ANSWERS = '#!/bin/sh\necho "asked: $*"\n'
REFUSES = "#!/bin/sh\necho first; echo 'Error: Permission Denied: try again by running as root' >&2; exit 1\n"
SILENT = "#!/bin/sh\nexec sleep 1000\n"


@pytest.fixture
def sleeper() -> Iterator[int]:
    """A Python with a thread."""
    text = "import threading as t; t.Thread(target=t.Event().wait, daemon=True).start(); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", text, "an-engine"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def spy(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "py-spy"
    path.write_text(text)
    path.chmod(0o755)
    return path


def dump(*pids: int, py_spy: Path | None, limit_s: float = 20.0) -> str:
    return asyncio.run(stacks.dump(pids, py_spy=py_spy, limit_s=limit_s))


def test_without_py_spy_the_kernel_tells(sleeper: int) -> None:
    head, titles, *threads = dump(sleeper, py_spy=None).strip().splitlines()
    assert head.startswith(f"== {sleeper}: python")
    assert head.endswith("by the kernel: there is no py-spy")
    assert titles.split() == ["thread", "state", "name", "waits", "in"]
    assert len(threads) == 2
    assert [thread.split()[1] in "RS" for thread in threads] == [True, True]
    assert threads[0].split()[0] == str(sleeper)


def test_py_spy_is_asked_and_does_not_stop_the_process(sleeper: int, tmp_path: Path) -> None:
    text = dump(sleeper, py_spy=spy(tmp_path, ANSWERS))
    assert f"asked: dump --nonblocking --pid {sleeper}\n" in text
    assert "-- by the kernel" in text


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (REFUSES, "py-spy failed with 1: Error: Permission Denied"),
        (SILENT, "did not answer within 0.1 s"),
        ("no program", "cannot be run: Exec format error"),
    ],
)
def test_one_that_does_not_answer_says_why_and_the_kernel_tells(
    sleeper: int, tmp_path: Path, program: str, why: str
) -> None:
    text = dump(sleeper, py_spy=spy(tmp_path, program), limit_s=0.1 if program is SILENT else 20.0)
    assert why in text
    assert str(sleeper) in text.splitlines()[2]


def test_what_is_gone_is_said_to_be_gone(sleeper: int) -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    text = dump(process.pid, sleeper, py_spy=None)
    assert f"== {process.pid}: gone" in text
    assert f"== {sleeper}: " in text


def test_each_is_asked_at_the_same_time(sleeper: int, tmp_path: Path) -> None:
    meet = (
        'mkdir -p "$0.here"; : >"$0.here/$$"; while [ "$(ls "$0.here" | wc -l)" -lt 3 ]; do sleep 0.01; done; echo met'
    )
    text = dump(*[sleeper] * 3, py_spy=spy(tmp_path, f"#!/bin/sh\n{meet}\n"))
    assert text.count("\nmet\n") == 3


def test_the_venvs_own_py_spy_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, on_path = tmp_path / "venv", tmp_path / "path"
    for place in (own, on_path):
        place.mkdir()
    monkeypatch.setenv("PATH", str(on_path))
    assert stacks.find_py_spy(str(own / "vllm")) is None
    theirs = spy(on_path, ANSWERS)
    assert stacks.find_py_spy(str(own / "vllm")) == theirs
    assert stacks.find_py_spy(str(own / "vllm")) != spy(own, ANSWERS)
    assert stacks.find_py_spy(str(own / "vllm")) == own / "py-spy"


def test_this_process_can_be_looked_at() -> None:
    assert str(os.getpid()) in dump(os.getpid(), py_spy=None)
