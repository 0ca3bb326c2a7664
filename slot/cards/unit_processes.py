"""Who else is in this unit? The processes of the control group that this process is in.

Source: cgroups(7), `/proc/PID/cgroup`: lines `NUMBER:CONTROLLERS:PATH`. Systemd's own hierarchy is `0::`, unless the
older ones are all that it manages: then everybody is in the root of that one, and `name=systemd` tells.

Of a process only those files are read which the kernel fills in without its memory lock: its name is `comm` (15
characters at most), and never `cmdline`. What is left of an engine may stand in state D, and whoever reads the latter
then stands there too.
"""

from __future__ import annotations

from pathlib import Path

from slot.cards.departure import Remaining

PROC = Path("/proc")

KEEPER = "slot-keeper"
"""How `slot.supervisor.keeper` calls itself."""


def group_in(text: str) -> str:
    """The control group by systemd's hierarchy, such as /system.slice/b70-vllm-slot.service; empty if there is none."""
    lines = [line.split(":", 2) for line in text.splitlines() if line.count(":") >= 2]
    by_controllers = {controllers: path for _, controllers, path in lines}
    unified = by_controllers.get("", "")
    return by_controllers.get("name=systemd", unified) if unified in ("", "/") else unified


def unit_in(group: str) -> str | None:
    """The service unit that a control group belongs to; None for a login, a container and the like."""
    last = group.rpartition("/")[2]
    return last if last.endswith(".service") else None


def own_group(proc: Path = PROC) -> str:
    return group_in((proc / "self/cgroup").read_text())


def others_in(group: str, me: int, proc: Path = PROC) -> list[Remaining]:
    """The processes of the group and of groups below it, but `me`. One that has ended and was not buried is none."""
    found = []
    for process in proc.glob("[0-9]*"):
        pid = int(process.name)
        if pid != me and is_within(process, group) and (parent := _living_parent(process)) is not None:
            name = name_of(process)
            found.append(Remaining(pid, name, parent, name == KEEPER))
    return sorted(found, key=lambda each: each.pid)


def name_of(process: Path) -> str:
    """What a process calls itself; empty for one that is gone. `process` is its directory in /proc."""
    try:
        return (process / "comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def is_within(process: Path, group: str) -> bool:
    """Whether a process is in the group or in one below it. `process` is its directory in /proc."""
    try:
        theirs = group_in((process / "cgroup").read_text())
    except OSError:  # it ended while we looked
        return False
    return theirs == group or theirs.startswith(f"{group}/")


def _living_parent(process: Path) -> int | None:
    """The parent's process id; None for a process that is gone or dead. Source: proc_pid_stat(5)."""
    try:
        state, parent = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return None if state in "ZX" else int(parent)
