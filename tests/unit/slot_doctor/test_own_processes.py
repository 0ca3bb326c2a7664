"""Whose a port's holder is: an engine cannot have itself taken for a stranger by what it writes, or hides."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from snapshots import snapshot

from slot.doctor.own_processes import own_processes
from slot.port_holder import Holder

GROUP = "/system.slice/b70-vllm-slot.service"
US = os.geteuid()


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    for pid, group in ((7, GROUP), (8, f"{GROUP}/engine"), (9, "/system.slice/other.service"), (10, f"{GROUP}x")):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "cgroup").write_text(f"0::{group}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("pid", "command", "is_own"),
    [
        (1, "anything", True),  # the snapshot's supervisor
        (7, "vllm serve", True),
        (8, "vllm serve", True),
        (9, "vllm serve", False),
        (10, "vllm serve", False),
        (11, "vllm serve", False),  # it has ended
        (11, "frontdoor", True),
    ],
)
def test_whose_it_is(proc: Path, pid: int, command: str, is_own: bool) -> None:
    assert own_processes(snapshot(), GROUP, proc)(Holder(pid, command, US)) is is_own


def test_a_snapshot_that_was_removed_or_spoiled_makes_no_stranger(proc: Path) -> None:
    assert own_processes(None, GROUP, proc)(Holder(7, "vllm serve", US))


def test_without_a_unit_there_is_no_group(proc: Path) -> None:
    (proc / "7/cgroup").write_text("0::/\n")
    assert not own_processes(None, "", proc)(Holder(7, "vllm serve", US))
    assert not own_processes(None, "", proc)(Holder(None, "", US))


@pytest.mark.parametrize(("me", "uid", "is_own"), [(990, 990, True), (990, 991, False), (990, 0, False), (0, 0, False)])
def test_who_hides_is_ours_if_it_is_of_our_user(
    proc: Path, monkeypatch: pytest.MonkeyPatch, me: int, uid: int, is_own: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: me)
    assert own_processes(None, GROUP, proc)(Holder(None, "", uid)) is is_own
