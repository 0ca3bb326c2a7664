"""Processes of others, as the tests see them: a port for them, patience with them, and whether any of them is left."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import TypeVar

from slot.supervisor import keeper

PATIENCE_S = 30.0

Found = TypeVar("Found")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def until(find: Callable[[], Found | None], what: Callable[[], str], patience_s: float = PATIENCE_S) -> Found:
    """What `find` finds, as soon as it does: files and processes of others have no event to wait for."""
    deadline = time.monotonic() + patience_s
    while (found := find()) is None:
        assert time.monotonic() < deadline, f"waited {patience_s:.0f} s in vain for {what()}"
        time.sleep(0.01)
    return found


class Family:
    """The processes that were ever seen below some others, by process id.

    Each is kept with its start time, so that a stranger who was given its number is not taken for a survivor.
    """

    def __init__(self) -> None:
        self._began: dict[int, str] = {}

    def __contains__(self, pid: int) -> bool:
        return pid in self._began

    def __iter__(self) -> Iterator[int]:
        return iter(self._began)

    def __len__(self) -> int:
        return len(self._began)

    def remember(self, root: int, but: Container[int] = ()) -> None:
        """Adds whatever is below `root` now, `but` these. A child that has ended, and was not buried, is none of it."""
        below = (pid for pid in keeper.descendants(root) if pid not in but)
        self._began |= {pid: began for pid in below if (began := _began(pid))}

    def left(self) -> list[int]:
        return [pid for pid, began in self._began.items() if _began(pid) == began]

    def until_nothing_is_left(self) -> None:
        until(lambda: True if not self.left() else None, lambda: f"the end of {self.left()}")

    def kill(self) -> None:
        for pid in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _began(pid: int) -> str:
    """When the process began, in clock ticks since boot; empty if it is gone or a zombie. Source: proc_pid_stat(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
