"""The sweep on plain processes: `find` sees a family of this test's own, where the unit sees its control group."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import Family

from slot.cards.departure import Patience, Remaining
from slot.cards.sweeper import sweep
from slot.supervisor import keeper

SOON = Patience(keeper_s=30, kill_at_s=30, give_up_at_s=35)

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(1000)"
# ends its child before it ends, as an engine does
PARENT = """
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
def end(*_):
    child.kill()
    sys.exit(0 if child.wait() == -signal.SIGKILL else 1)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
while True:
    signal.pause()
"""


class Household:
    """Processes that this test started, found as the unit's are: everything below, whoever has ended excepted.

    Whoever was below this process before, another test's, is none of them.
    """

    def __init__(self) -> None:
        self.family = Family()
        self._others = frozenset(keeper.descendants(os.getpid()))
        self.started: list[subprocess.Popen[str]] = []

    def start(self, script: str) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        self.started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        self._remember()
        return process

    def find(self) -> list[Remaining]:
        self._remember()
        keepers = [process.pid for process in self.started if keeper.__file__ in process.args]
        return [Remaining(pid, "python", parent_of(pid), pid in keepers) for pid in self.family.left()]

    def _remember(self) -> None:
        self.family.remember(os.getpid(), but=self._others)

    def end(self) -> None:
        self.family.kill()
        for process in self.started:
            process.communicate()


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 1


@pytest.fixture
def household() -> Iterator[Household]:
    made = Household()
    yield made
    made.end()


def test_nobody_is_there() -> None:
    departure = sweep(lambda: [], SOON)
    assert (departure.terminated, departure.killed, departure.left) == ((), (), ())


def test_a_main_process_tears_its_children_down_itself(household: Household) -> None:
    main = household.start(PARENT)
    assert len(household.find()) == 2
    departure = sweep(household.find, SOON)
    assert (departure.terminated, departure.killed, departure.left) == ((main.pid,), (), ())
    assert main.wait() == 0


def test_the_deaf_are_killed_when_all_else_is_over(household: Household) -> None:
    deaf = household.start(DEAF)
    departure = sweep(household.find, Patience(keeper_s=0.1, kill_at_s=0.5, give_up_at_s=30))
    assert (departure.terminated, departure.killed, departure.left) == ((deaf.pid,), (deaf.pid,), ())
    assert deaf.wait() == -signal.SIGKILL
    assert departure.waited_s >= 0.5


def test_who_cannot_be_ended_is_named() -> None:
    stuck = Remaining(
        os.getppid(), "stuck in the kernel", is_keeper=True
    )  # as a keeper it is not asked, only waited for
    departure = sweep(lambda: [stuck], Patience(keeper_s=0.2, kill_at_s=0.2, give_up_at_s=0.2))
    assert (departure.terminated, departure.killed, departure.left) == ((), (), (stuck,))


def test_a_keeper_is_left_to_its_work(household: Household) -> None:
    """It ends its engine when its supervisor is gone: with the engine's grace, and without our help."""
    supervisors_end, its_end = socket.socketpair()
    with supervisors_end, its_end:
        words = [sys.executable, "-I", "-S", keeper.__file__, str(its_end.fileno())]
        started = subprocess.Popen(words, pass_fds=[its_end.fileno()], text=True, stdout=subprocess.PIPE)
        household.started.append(started)
        argv = [sys.executable, "-c", PARENT]
        order = {"argv": argv, "environment": {}, "grace_s": 20}
        supervisors_end.sendall(json.dumps(order).encode() + b"\n")
        assert started.stdout is not None
        assert started.stdout.readline() == "up\n"
        household.find()
    departure = sweep(household.find, SOON)
    assert (departure.terminated, departure.killed, departure.left) == ((), (), ())
    assert started.wait() == 0
