"""The processes beside the API server: an `EngineCore` and its workers, as light as a process can be.

They compute nothing. They are there so that whoever supervises the engine has a family to look after: a child lives
as long as its parent, notices the parent's death by itself (vLLM's workers do), and its own death is noticed by the
parent, as the end of the engine. A child ignores SIGTERM: it ends when the parent lets go of it, as vLLM's does.

With `stubborn` it does not even mind the parent's death: only SIGKILL ends it, or its own alarm after ten minutes.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

_STUBBORN_FOR_S = 600
_PR_SET_NAME = 15


@dataclass(frozen=True)
class Child:
    """`link` reads end of file when the child is gone."""

    name: str
    pid: int
    link: socket.socket


def names(count: int) -> list[str]:
    return ["EngineCore", *(f"Worker_TP{rank}" for rank in range(count - 1))][:count]


def fork(count: int, *, stubborn: bool) -> list[Child]:
    """Forks `count` children. Call it before there are threads or an event loop."""
    children: list[Child] = []
    for name in names(count):
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            # a child that held the parent's ends would keep its siblings from noticing the parent's death
            for link in (ours, *(child.link for child in children)):
                link.close()
            _live(name, theirs, stubborn=stubborn)
        theirs.close()
        ours.setblocking(False)
        children.append(Child(name, pid, ours))
    return children


def let_go(children: Sequence[Child]) -> None:
    """Ends the children and waits for them. vLLM kills whatever is left of its engine core at this point, too."""
    for child in children:
        child.link.close()
        os.kill(child.pid, signal.SIGKILL)  # not reaped yet, so the number is still the child's
        os.waitpid(child.pid, 0)


def _live(name: str, link: socket.socket, *, stubborn: bool) -> None:
    """The whole life of a child; does not return."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_NAME, f"VLLM::{name}".encode(), 0, 0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if stubborn:
            time.sleep(_STUBBORN_FOR_S)  # deaf to the end of its parent, for longer than anybody waits
        link.recv(1)
    finally:
        os._exit(0)
