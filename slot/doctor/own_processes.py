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

from slot.cards.unit_processes import PROC, is_within
from slot.port_holder import Holder
from slot.state import SlotState


def own_processes(state: SlotState | None, unit_group: str = "", proc: Path = PROC) -> Callable[[Holder], bool]:
    """`state` is the supervisor's snapshot, `unit_group` the control group of the slot's unit, empty: it has none."""
    pids = {state.supervisor_pid, state.engine_pid} if state is not None else set()

    def is_own(holder: Holder) -> bool:
        if holder.pid is None:
            return bool(unit_group) and holder.uid == os.geteuid() != 0  # 4
        is_in_unit = bool(unit_group) and is_within(proc / str(holder.pid), unit_group)
        return holder.pid in pids or "frontdoor" in holder.command or is_in_unit  # 1, 2, 3

    return is_own
