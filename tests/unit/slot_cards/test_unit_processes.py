from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from slot.cards.departure import Remaining
from slot.cards.unit_processes import group_in, others_in, own_group, unit_in

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


def process(proc: Path, pid: int, group: str, *words: str, state: str = "S", parent: int = 1) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "cgroup").write_text(f"0::{group}\n")
    (proc / str(pid) / "stat").write_text(f"{pid} (a ) name) {state} {parent} 1 1 0\n")
    (proc / str(pid) / "cmdline").write_bytes(b"\0".join(word.encode() for word in words) + b"\0")


def test_others_in(tmp_path: Path) -> None:
    process(tmp_path, 9, GROUP, "/usr/bin/python3", "-m", "slot", "sweep")
    process(tmp_path, 100, GROUP, "/usr/bin/python3", "-I", "-S", "/opt/x/slot/supervisor/keeper.py", "7")
    process(tmp_path, 20, f"{GROUP}/below", "/venv/bin/vllm", "serve", parent=100)
    process(tmp_path, 21, GROUP, "ended", state="Z", parent=100)
    process(tmp_path, 22, f"{GROUP}-other", "sh")
    process(tmp_path, 23, "/", "sh")
    (tmp_path / "24").mkdir()  # gone while we looked
    assert others_in(GROUP, 9, tmp_path) == [
        Remaining(20, "vllm serve", 100),
        Remaining(100, "python3 -I -S /opt/x/slot/supervisor/keeper.py", 1, is_keeper=True),
    ]


def test_here() -> None:
    with subprocess.Popen(["sleep", "1000"]) as other:
        assert other.pid in [each.pid for each in others_in(own_group(), os.getpid())]
        other.terminate()
