from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from processes import until

from slot.cards.departure import Remaining
from slot.cards.unit_processes import KEEPER, group_in, name_of, others_in, own_group, unit_in
from slot.supervisor import keeper

GROUP = "/system.slice/b70-vllm-slot.service"
LEGACY = f"2:cpu,cpuacct:/\n1:name=systemd:{GROUP}\n"


@pytest.mark.parametrize(
    ("text", "group"),
    [
        (f"0::{GROUP}\n", GROUP),
        (LEGACY, GROUP),
        (f"{LEGACY}0::/\n", GROUP),
        (f"{LEGACY}0::{GROUP}\n", GROUP),
        (f"1:name=systemd:/\n0::{GROUP}\n", GROUP),
        ("1:name=systemd:/\n0::/\n", "/"),
        ("0::/a:b.service\n", "/a:b.service"),
        ("3:memory:/\n", ""),
        ("", ""),
    ],
)
def test_group_in(text: str, group: str) -> None:
    assert group_in(text) == group


@pytest.mark.parametrize(
    ("group", "unit"),
    [
        (GROUP, "b70-vllm-slot.service"),
        ("/user.slice/user-0.slice/session-3.scope", None),
        ("/system.slice", None),
        ("/", None),
        ("", None),
    ],
)
def test_unit_in(group: str, unit: str | None) -> None:
    assert unit_in(group) == unit


def process(proc: Path, pid: int, group: str, name: str, state: str = "S", parent: int = 1) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "cgroup").write_text(f"0::{group}\n")
    (proc / str(pid) / "stat").write_text(f"{pid} (a ) name) {state} {parent} 1 1 0\n")
    (proc / str(pid) / "comm").write_text(f"{name}\n")
    os.mkfifo(proc / str(pid) / "cmdline")  # whoever opens it stands there for ever


def test_others_in(tmp_path: Path) -> None:
    process(tmp_path, 9, GROUP, "slotctl")
    process(tmp_path, 100, GROUP, KEEPER)
    process(tmp_path, 20, f"{GROUP}/below", "VLLM::EngineCor", parent=100)
    process(tmp_path, 21, GROUP, "ended", state="Z", parent=100)
    process(tmp_path, 22, f"{GROUP}-other", "sh")
    process(tmp_path, 23, "/", "sh")
    (tmp_path / "24").mkdir()  # gone while we looked
    assert others_in(GROUP, 9, tmp_path) == [
        Remaining(20, "VLLM::EngineCor", 100),
        Remaining(100, KEEPER, 1, is_keeper=True),
    ]


def test_a_keeper_is_known_by_its_name() -> None:
    ours, theirs = socket.socketpair()
    words = [sys.executable, "-I", "-S", keeper.__file__, str(theirs.fileno())]
    with ours, subprocess.Popen(words, pass_fds=[theirs.fileno()]) as process:
        theirs.close()
        until(lambda: name_of(Path(f"/proc/{process.pid}")) == KEEPER or None, lambda: "its name")
        [found] = [each for each in others_in(own_group(), os.getpid()) if each.pid == process.pid]
        assert found.is_keeper
        ours.close()
    assert keeper.NAME == KEEPER


def test_here() -> None:
    with subprocess.Popen(["sleep", "1000"]) as other:
        assert other.pid in [each.pid for each in others_in(own_group(), os.getpid())]
        other.terminate()
