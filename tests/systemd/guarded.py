"""A machine's guardian, as its owner sees it: one child process, its events, and its last words."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from systemd.guardian import NOT_ALLOWED
from systemd.plan import Plan

# removing what is left of a machine takes it some 50 ms
_CLEARED_WITHIN_S = 30.0


class MachineError(Exception):
    """The machine is not there, or not as it should be; what its guardian and systemd said is part of the text."""


class NotAllowed(MachineError):
    """This host does not let its root do it, though `why_not` found all that is needed."""


class Guarded:
    def __init__(self, plan: Plan) -> None:
        self.name = plan.name
        self._pid: int | None = None  # None: it is down
        self._said = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-E", "-s", "-m", "systemd.guardian", plan.dumps()],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the tests, whose end is the guardian's
        )
        assert self._process.stdin and self._process.stdout
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    @property
    def pid(self) -> int:
        """The host's number of PID 1, also after a reboot that came from inside. Raises MachineError: it is down."""
        while not self._stdout.closed and self._has_news(0.0):
            self._hear()
        if self._pid is None:
            raise MachineError(f"{self.name} is off")
        return self._pid

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it is ending by itself, and the event of that is on its way
            os.kill(self.pid, number)

    def until(self, wanted: str, patience_s: float) -> None:
        """Waits for the guardian to say `booted` or `halted`. Raises MachineError if it does not."""
        deadline = time.monotonic() + patience_s
        while self._has_news(deadline - time.monotonic()):
            if self._hear() == wanted:
                return
        raise MachineError(f"{self.name} has not {wanted} within {patience_s:g} s:\n{self.last_words()}")

    def _has_news(self, timeout_s: float) -> bool:
        return bool(select.select([self._stdout], [], [], max(0.0, timeout_s))[0])

    def _hear(self) -> str:
        words = self._stdout.readline().decode().split()
        if not words:
            self._pid = None
            failed = NotAllowed if self._process.wait(_CLEARED_WITHIN_S) == NOT_ALLOWED else MachineError
            raise failed(f"the guardian of {self.name} has ended:\n{self.last_words()}")
        self._pid = int(words[1]) if words[0] == "booted" else None
        return words[0]

    def last_words(self) -> str:
        self._said.seek(0)
        return self._said.read().decode(errors="replace")[-4000:]

    def end(self) -> None:
        """Kills and removes whatever there is of the machine. Raises MachineError if that could not be done."""
        self._pid = None
        self._stdin.close()
        with self._said, self._stdout:
            if self._process.wait(_CLEARED_WITHIN_S) not in (0, NOT_ALLOWED):
                raise MachineError(f"{self.name} was not kept to its end:\n{self.last_words()}")
