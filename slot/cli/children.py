"""The two processes that `slotctl up` starts, tied to it by the kernel: they are told to stop if it dies in any way."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from slot.supervisor import keeper


class Child:
    """A process in a session of its own: a terminal's Ctrl-C reaches `up` alone, which stops things in their order."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """What it writes goes to `log`; the log of the time before is kept beside it. Raises OSError."""
        self.log = log
        if log.exists():
            log.replace(log.with_name(f"{log.name}.1"))
        parent = os.getpid()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                argv,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: _tie_to(parent),
            )
        self.pid = self._process.pid
        self._is_reported = False

    def newly_ended(self) -> int | None:
        """The exit status, once; minus the signal's number where one ended it."""
        status = self._process.poll()
        if status is None or self._is_reported:
            return None
        self._is_reported = True
        return status

    def signal(self, number: int) -> None:
        """Reaches this process only; one that has ended is left alone."""
        self._process.send_signal(number)

    def make_sure_it_ends(self) -> None:
        """For the way out after a fault of our own: SIGTERM, and waits."""
        self._process.terminate()
        self._process.wait()


def _tie_to(parent: int) -> None:
    """In the child before its program: our blocked signals back, and SIGTERM when `up` dies."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    keeper.die_with(parent, signal.SIGTERM)
