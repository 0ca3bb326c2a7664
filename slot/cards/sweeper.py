"""Ends what a slot left behind, as `departure` orders it, and waits for it. Knows nothing of systemd or cgroups."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slot.cards.departure import GiveUp, Gone, Kill, Patience, Remaining, Terminate, Wait, order

# A process that was started while its family was being looked at is found by looking again.
_LOOK_AGAIN_S = 0.5
_LOOK_AGAIN_AFTER_KILL_S = 0.1


@dataclass(frozen=True)
class Departure:
    """How they went: who got SIGTERM, who got SIGKILL, who is there still, and how long it took."""

    terminated: tuple[int, ...]
    killed: tuple[int, ...]
    left: tuple[Remaining, ...]
    waited_s: float


def sweep(find: Callable[[], Sequence[Remaining]], patience: Patience) -> Departure:
    """Returns when nobody is left whom `find` finds, or when patience is at its end."""
    began = time.monotonic()
    terminated: dict[int, None] = {}
    killed: dict[int, None] = {}
    while True:
        remaining = find()
        passed_s = time.monotonic() - began
        match order(remaining, passed_s, patience, frozenset(terminated)):
            case Gone():
                return Departure(tuple(terminated), tuple(killed), (), passed_s)
            case GiveUp(left):
                return Departure(tuple(terminated), tuple(killed), left, passed_s)
            case Terminate(pids):
                _signal(pids, signal.SIGTERM)
                terminated |= dict.fromkeys(pids)
            case Kill(pids):
                _signal(pids, signal.SIGKILL)
                killed |= dict.fromkeys(pids)
                until_one_ends(pids, _LOOK_AGAIN_AFTER_KILL_S)
            case Wait(until_s):
                until_one_ends([each.pid for each in remaining], min(_LOOK_AGAIN_S, max(0.0, until_s - passed_s)))


def _signal(pids: Sequence[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # it was quicker
            os.kill(pid, number)


def until_one_ends(pids: Sequence[int], limit_s: float) -> None:
    """Returns when one of these processes has ended, or after `limit_s`."""
    with contextlib.ExitStack() as handles:
        poll = select.poll()
        for pid in pids:
            try:
                handle = os.pidfd_open(pid)
            except ProcessLookupError:
                return  # one has ended
            handles.callback(os.close, handle)
            poll.register(handle, select.POLLIN)
        poll.poll(limit_s * 1000)
