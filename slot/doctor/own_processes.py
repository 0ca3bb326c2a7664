"""Tells the processes of this very slot from strangers: a port that one of ours holds is as it should be.

1. The slot's snapshot names it                             -> ours
2. It is a frontdoor, by its name: no snapshot has it       -> ours
3. It is in the control group of the slot's unit            -> ours, whatever the snapshot says: an engine writes as
                                                               the same user, and must not keep a switch away by it
4. Its processes hide from us, and it is of our own user,
   while there is such a group                              -> ours: nothing but the slot runs as the slot's user
5. Otherwise                                                -> a stranger
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from slot.cards.unit_processes import PROC, group_in
from slot.port_holder import Holder
from slot.state import SlotState


def own_processes(state: SlotState | None, unit_group: str = "", proc: Path = PROC) -> Callable[[Holder], bool]:
    """`state` is the supervisor's snapshot, `unit_group` the control group of the slot's unit, empty: it has none."""
    pids = {state.supervisor_pid, state.engine_pid} if state is not None else set()

    def is_own(holder: Holder) -> bool:
        if holder.pid is None:
            return bool(unit_group) and holder.uid == os.geteuid() != 0  # 4
        return holder.pid in pids or "frontdoor" in holder.command or _is_in(unit_group, holder.pid, proc)  # 1, 2, 3

    return is_own


def _is_in(group: str, pid: int, proc: Path) -> bool:
    try:
        theirs = group_in((proc / str(pid) / "cgroup").read_text())
    except OSError:  # it ended while we looked
        return False
    return bool(group) and (theirs == group or theirs.startswith(f"{group}/"))
