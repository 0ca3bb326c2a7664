"""The engine's processes: start them, hear them, signal them, and know when they are gone.

The engine runs under a `keeper`, which is its parent and outlives this process if it must; here is the supervisor's end
of it. What happens comes back as events of `lifecycle`: `Exited` or `CouldNotStart`, and in the end always `Swept`.

    BEGUN     --the keeper says exited, or not-started-->  ENDED
    ENDED     --the keeper says swept------------------->  SWEPT
    any else  --the keeper was killed------------------->  ORPHANED   its children are ours now, and ours to sweep
    ORPHANED  --no child is left------------------------>  SWEPT
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from pathlib import Path

from slot.state import Readiness
from slot.supervisor import keeper
from slot.supervisor.events import Climbed, CouldNotStart, Event, Exited, Swept
from slot.supervisor.output_lines import Line, LineSplitter

logger = logging.getLogger(__name__)

_READ_BYTES = 65536

# Only while a lost keeper's processes are being swept: they are nobody's children whose end would wake us.
_LOOK_AGAIN_S = 0.1


class _Stage(Enum):
    BEGUN = auto()
    ENDED = auto()
    ORPHANED = auto()
    SWEPT = auto()


class Engine:
    """One engine, from its start until nothing of it is left. Everything is called on the event loop's thread."""

    def __init__(self, *, tell: Callable[[Event], None], hear: Callable[[Sequence[Line]], None]) -> None:
        """`tell` gets what happened; `hear` gets each batch of lines that the engine wrote, oldest first."""
        self._tell = tell
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._splitter = LineSplitter()
        self._keeper: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._output: int | None = None
        self._reports = b""
        self._stage = _Stage.BEGUN
        self.pid: int | None = None

    def start(
        self, words: Sequence[str], environment: Mapping[str, str], *, grace_s: float, lock_fd: int | None = None
    ) -> int:
        """Starts the program `words[0]` with nothing but `environment`, in a session and process group of its own.

        Returns the keeper's process id; the engine's is `pid`, once it runs.

        `grace_s` is what the keeper gives the engine between SIGTERM and SIGKILL when this process dies.
        `lock_fd` is kept open by the keeper, so that the slot stays locked until the last process is gone.
        """
        self._control, theirs = socket.socketpair()
        self._output, output_end = os.pipe()
        passed = [theirs.fileno()] + ([] if lock_fd is None else [lock_fd])
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(keeper.__file__)), str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=output_end,
            stderr=subprocess.STDOUT,
            pass_fds=passed,
            start_new_session=True,
            env={},
        )
        theirs.close()
        os.close(output_end)
        order = {"argv": list(words), "environment": dict(environment), "grace_s": grace_s}
        self._control.sendall(json.dumps(order).encode() + b"\n")
        self._control.setblocking(False)
        os.set_blocking(self._output, False)
        self._loop.add_reader(self._control, self._on_report)
        self._loop.add_reader(self._output, self._read_output)
        return self._keeper.pid

    def terminate(self) -> None:
        """SIGTERM to the engine's main process, or to what it left behind."""
        self._order(b"terminate\n", signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to every process of the engine."""
        self._order(b"kill\n", signal.SIGKILL)

    def pids(self) -> list[int]:
        """The engine's processes, its main one first if it still runs; none before it was started."""
        found = keeper.descendants(self._keeper.pid) if self._keeper is not None else []
        return sorted(found, key=lambda pid: (pid != self.pid, pid))

    async def close(self) -> None:
        """Lets go of the engine and waits for the keeper, which first stops the engine if it still runs."""
        if self._control is not None:
            self._forget_control()
        if self._keeper is not None:
            await asyncio.to_thread(self._keeper.wait)
        if self._output is not None:
            self._forget_output()

    def _order(self, order: bytes, number: int) -> None:
        if self._stage is _Stage.ORPHANED:
            keeper.signal_all(keeper.descendants(os.getpid()), number)
        elif self._control is not None:
            try:
                self._control.send(order)
            except (BrokenPipeError, ConnectionResetError):
                logger.debug("the keeper is gone; it is noticed in a moment")

    def _on_report(self) -> None:
        assert self._control is not None
        try:
            data = self._control.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        *lines, self._reports = (self._reports + data).split(b"\n")
        for line in lines:
            self._take_report(*line.decode(errors="replace").partition(" ")[::2])
        if not data:
            self._forget_control()
            if self._stage is not _Stage.SWEPT:
                self._take_over()

    def _take_report(self, word: str, rest: str) -> None:
        now = self._loop.time()
        match word:
            case "started":
                self.pid = int(rest)
                self._tell(Climbed(Readiness.PROCESS, now))
            case "not-started":
                self._stage = _Stage.ENDED
                self._tell(CouldNotStart(rest, now))
            case "exited":
                self._drain_output()  # its last words are in the pipe, and say why
                self._stage = _Stage.ENDED
                self.pid = None
                self._tell(Exited(int(rest), now))
            case "swept":
                self._drain_output()
                self._stage = _Stage.SWEPT
                self._tell(Swept())
            case _:
                raise RuntimeError(f"unexpected report from the keeper: {word} {rest}")

    def _take_over(self) -> None:
        """The keeper was killed. Its children came to us, as we are their subreaper."""
        logger.error("the engine's keeper was killed; stopping the engine")
        before, self._stage = self._stage, _Stage.ORPHANED
        if before is _Stage.BEGUN:
            self._drain_output()
            self.pid = None
            self._tell(Exited(-signal.SIGKILL, self._loop.time()))
        self._sweep()

    def _sweep(self) -> None:
        if self._keeper is not None:
            self._keeper.poll()
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            self._drain_output()
            self._stage = _Stage.SWEPT
            self._tell(Swept())
            return
        self._loop.call_later(_LOOK_AGAIN_S, self._sweep)

    def _drain_output(self) -> None:
        """Reads what is in the pipe now. It may not end yet: what the engine left behind can hold it open."""
        while self._output is not None:
            if not self._read_output():
                return

    def _read_output(self) -> bool:
        """Reads once; whether there was anything."""
        assert self._output is not None
        try:
            data = os.read(self._output, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._forget_output()
            return False
        if lines := self._splitter.feed(data):
            self._hear(lines)
        return True

    def _forget_output(self) -> None:
        assert self._output is not None
        self._loop.remove_reader(self._output)
        os.close(self._output)
        self._output = None
        if lines := self._splitter.flush():
            self._hear(lines)

    def _forget_control(self) -> None:
        assert self._control is not None
        self._loop.remove_reader(self._control)
        self._control.close()
        self._control = None
