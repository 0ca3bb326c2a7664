"""Tells the processes of this very slot from strangers: a port that one of ours holds is as it should be."""

from __future__ import annotations

from collections.abc import Callable

from slot.port_holder import Holder
from slot.state import SlotState


def own_processes(state: SlotState | None) -> Callable[[Holder], bool]:
    """`state` is the supervisor's snapshot; the frontdoor is known by its name: it appears in no snapshot."""
    pids = {state.supervisor_pid, state.engine_pid} if state is not None else set()
    return lambda holder: holder.pid is not None and (holder.pid in pids or "frontdoor" in holder.command)
