"""A process that wants more than it is given: for tests of the limits around it."""

from __future__ import annotations

import threading

from slot.simulator.faults import Fault


def take(fault: Fault) -> bytes:
    """Takes the memory and the threads; what it returns is the memory. Raises RuntimeError where a thread is too many.

    The threads stay until the process ends.
    """
    for _ in range(fault.tasks):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    return b"\1" * fault.bytes  # written to, as untouched memory counts for nobody
