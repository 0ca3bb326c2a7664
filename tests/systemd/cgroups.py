"""The control groups of one machine: made, entered by its first process, and removed with whatever is left in them."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from systemd.plan import Hierarchy

# what proc_mounts(5) lists beside a version 1 hierarchy's controllers
_MOUNT_OPTIONS = frozenset("rw ro nosuid nodev noexec relatime noatime xattr".split())
_CLEARED_WITHIN_S = 5.0


@dataclass(frozen=True)
class Mounted:
    """A hierarchy of the host. `controllers` is what mount(8) calls it, and empty for version 2."""

    path: Path
    controllers: str = ""


def hierarchies(mounts: str, wanted: Hierarchy) -> list[Mounted]:
    """Those of the host that a machine needs, from the text of /proc/self/mounts. Empty: the host lacks them.

    A machine on version 1 needs version 2 beside it: systemd keeps some of its bookkeeping there.
    """
    rows = [line.split() for line in mounts.splitlines()]
    unified = [Mounted(Path(row[1])) for row in rows if row[2] == "cgroup2"][:1]
    if wanted is Hierarchy.UNIFIED or not unified:
        return unified
    legacy = [Mounted(Path(row[1]), _controllers(row[3])) for row in rows if row[2] == "cgroup"]
    return [*legacy, *unified] if any("memory" in each.controllers for each in legacy) else []


def _controllers(options: str) -> str:
    return ",".join(option for option in options.split(",") if option not in _MOUNT_OPTIONS)


class Cgroups:
    """One group of the same name in each hierarchy."""

    def __init__(self, name: str, within: list[Mounted]) -> None:
        self.within = within
        self._groups = [each.path / name for each in within]

    def make(self) -> None:
        for group in self._groups:
            group.mkdir()
            for row in (
                "cpuset.cpus",
                "cpuset.mems",
            ):  # empty in a new group of version 1, and nobody may enter it then
                if (group.parent / row).exists():
                    (group / row).write_text((group.parent / row).read_text())

    def enter(self) -> None:
        for group in self._groups:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self) -> None:
        """Nothing lives in them any more, or dies of this. Raises OSError if one cannot be removed for 5 s."""
        deadline = time.monotonic() + _CLEARED_WITHIN_S
        for group in self._groups:
            while group.exists():
                with contextlib.suppress(OSError):
                    (group / "cgroup.kill").write_text("1")
                try:
                    _remove_tree(group)
                except (
                    OSError
                ):  # the kernel is still burying what was in it, and offers nothing to wait for in version 1
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.01)


def _remove_tree(group: Path) -> None:
    for below, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(below)
