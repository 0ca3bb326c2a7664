"""The engine's parent: a small process between supervisor and engine, so that nothing of the engine outlives the slot.

    supervisor  <--orders, reports-->  keeper  --parent of-->  engine  -->  whatever the engine starts

Why it is there: Linux lets a process ask to be signalled when its parent dies, but its children do not inherit that.
An engine whose supervisor was killed (-9) could go on holding the GPUs. The keeper notices (its control socket ends),
stops the engine as the supervisor would have, and goes last. Descendants that detach themselves come to the keeper,
because it is their subreaper: "no child left" means that no process of the engine is left anywhere. When the keeper
itself is killed, the engine gets SIGTERM (parent-death signal), and the supervisor, a subreaper as well, takes over.

It decides nothing while it is told what to do. It runs as a script of isolated Python (`-I -S`), so it has only the
standard library, and what others need of it (how a family of processes is tied together, found and signalled) stands
here and is imported from here.

    order      first one JSON line {"argv": [...], "environment": {...}, "grace_s": seconds}, then `terminate` or `kill`
    report     `started PID`, `not-started REASON`, `exited STATUS` (minus the signal's number), `swept`

Its process is called NAME, by which the sweep after an end knows it.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from math import inf
from pathlib import Path
from typing import Any

NAME = "slot-keeper"

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

# A process that was forked while its family was being killed is found by looking again.
_LOOK_AGAIN_S = 0.05


def become_subreaper() -> None:
    """Makes this process the parent of every descendant whose own parent dies (prctl(2))."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int, number: int) -> None:
    """For a child before its program: the kernel sends it `number` when `parent` dies, by kill -9 too (prctl(2))."""
    _prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it died before the kernel knew that we care
        os._exit(0)


def descendants(root: int) -> list[int]:
    """The process ids of everything below `root`, by /proc: children, their children, and so on."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    below = list(children.get(root, []))
    while below:
        pid = below.pop()
        found.append(pid)
        below += children.get(pid, [])
    return found


def signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:  # it was quicker
            continue


class Keeper:
    """One engine, from its start until nothing of it is left."""

    def __init__(self, control: socket.socket) -> None:
        # None once the supervisor is gone.
        self._control: socket.socket | None = control
        self._engine: subprocess.Popen[bytes] | None = None
        self._grace_s = 0.0
        self._kill_at = inf
        # Written to by the interpreter when a signal arrives, so that `select` wakes up for dying children.
        self._wake, wake_end = socket.socketpair()
        self._wake.setblocking(False)
        wake_end.setblocking(False)
        self._wake_end = wake_end

    def live(self) -> None:
        """Returns when no process of the engine is left."""
        self._watch_signals()
        self._start(json.loads(self._read_line()))
        while not self._reap():
            if time.monotonic() >= self._kill_at:
                self._kill_at = time.monotonic() + _LOOK_AGAIN_S
                signal_all(descendants(os.getpid()), signal.SIGKILL)
            self._wait()
        self._report("swept")

    def _watch_signals(self) -> None:
        signal.set_wakeup_fd(self._wake_end.fileno())
        # A terminal's Ctrl-C, or a service manager that signals all its processes, means the supervisor, which will
        # give orders. Handlers, because unlike SIG_IGN they are not inherited by the engine.
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)

    def _start(self, order: dict[str, Any]) -> None:
        self._grace_s = order["grace_s"]
        keeper = os.getpid()
        try:
            self._engine = subprocess.Popen(
                order["argv"],
                env=order["environment"],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                # SIGTERM: an engine that is killed could leave its cards hanging
                preexec_fn=lambda: die_with(keeper, signal.SIGTERM),
            )
        except OSError as exc:
            self._report(f"not-started {exc.strerror}: {exc.filename}")
            return
        finally:
            _let_go_of_the_output()
        self._report(f"started {self._engine.pid}")

    def _wait(self) -> None:
        sources: list[socket.socket] = [self._wake]
        if self._control is not None:
            sources.append(self._control)
        patience = None if self._kill_at == inf else max(0.0, self._kill_at - time.monotonic())
        ready, _, _ = select.select(sources, [], [], patience)
        if self._wake in ready:
            self._wake.recv(4096)
        if self._control in ready:
            self._obey(self._read())

    def _obey(self, orders: bytes) -> None:
        if not orders:
            self._control = None
            self._terminate()
            self._kill_at = min(self._kill_at, time.monotonic() + self._grace_s)
        for order in orders.splitlines():
            if order == b"terminate":
                self._terminate()
            elif order == b"kill":
                self._kill_at = 0.0

    def _terminate(self) -> None:
        """SIGTERM to the main process alone, which tears its own children down; once it is gone, to all the rest."""
        runs = self._engine is not None and self._engine.returncode is None
        signal_all([self._engine.pid] if self._engine and runs else descendants(os.getpid()), signal.SIGTERM)

    def _reap(self) -> bool:
        """Buries the dead; whether nobody is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if self._engine is not None and pid == self._engine.pid:
                self._ended(self._engine, os.waitstatus_to_exitcode(status))

    def _ended(self, engine: subprocess.Popen[bytes], status: int) -> None:
        engine.returncode = status
        self._report(f"exited {status}")
        if self._control is None:
            self._terminate()

    def _read_line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            data = self._read()
            if not data:
                sys.exit(0)  # the supervisor was gone before there was an engine
            line += data
        return line

    def _read(self) -> bytes:
        try:
            return self._control.recv(65536) if self._control else b""
        except ConnectionResetError:
            return b""

    def _report(self, text: str) -> None:
        if self._control is None:
            return
        try:
            self._control.sendall(text.encode(errors="replace") + b"\n")
        except OSError:
            return  # the supervisor is gone, which the next read tells


def _parents() -> list[tuple[int, int]]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # `pid (name) state ppid ...`; a name may have blanks and parentheses
            fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:  # it ended while we looked
            continue
        found.append((int(entry.name), int(fields[1])))
    return found


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _let_go_of_the_output() -> None:
    """The engine alone holds its output's pipe, so that the pipe ends when the engine does."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)


def main(control_fd: int) -> None:
    Path("/proc/self/comm").write_text(NAME)
    control = socket.socket(fileno=control_fd)
    control.set_inheritable(False)
    become_subreaper()
    Keeper(control).live()


if __name__ == "__main__":
    main(int(sys.argv[1]))
