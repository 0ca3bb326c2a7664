"""A real systemd as PID 1 of its own namespaces, on a throw-away copy of this host's own root.

    with Machine() as machine:
        machine.write("/etc/systemd/system/a.service", "[Service]\\nExecStart=sleep 1000\\n")
        machine.systemctl("daemon-reload")
        machine.systemctl("start", "a")

What is inside: this host's programs and files (not its mounts: show it those you need), none of its services, none of
its devices; a network of its own with nothing but 127.0.0.1, so that units use their fixed ports beside anything else.
`run` runs a program in there; `in_network` and `connect` are for a test's own sockets. What is written stays in memory.

It needs root with CAP_SYS_ADMIN, systemd and dbus; requirements.why_not says what is missing. How it is built:
guardian.py, inner_root.py. Measured: 0.2 s to boot, 0.2 s to stop, 10 ms for a command.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import create_connection, socket
from typing import Any, Self, TypeVar

from processes import until
from systemd import bringing, kernel
from systemd.command import CommandFailed, inside
from systemd.guarded import Guarded, MachineError
from systemd.kernel import Namespace
from systemd.plan import Hierarchy, Plan

_POWER_OFF = signal.SIGRTMIN + 4  # what PID 1 makes of them: systemd(1), "Signals"
_REBOOT = signal.SIGRTMIN + 5
_RUNNING = ("running", "degraded")

_number = itertools.count(1)
Found = TypeVar("Found")


class Machine:
    def __init__(
        self, *, hierarchy: Hierarchy = Hierarchy.UNIFIED, shown: Mapping[str, Path] | None = None, disk_mib: int = 512
    ) -> None:
        """Boots nothing yet. `shown`: what Plan says of it, the path inside to the directory outside."""
        every = {**bringing.shown(), **(shown or {})}
        self.name = f"b70-test-{os.getpid()}-{next(_number)}"
        self._plan = Plan(self.name, hierarchy, {path: str(source) for path, source in every.items()}, disk_mib)
        self._guarded: Guarded | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Machine {self.name}, {'PID 1 is ' + str(self.pid) if self._guarded else 'off'}>"

    # -- its power -------------------------------------------------------------------------------------------------

    def start(self, patience_s: float = 60.0) -> None:
        """Returns when systemd has done all of its start-up. Raises NotAllowed, MachineError."""
        assert self._guarded is None, f"{self.name} is on"
        self._guarded = Guarded(self._plan)
        try:
            self.until_booted(patience_s)
        except BaseException:
            with contextlib.suppress(MachineError):  # the first one tells why
                self._off()
            raise

    def until_booted(self, patience_s: float = 60.0) -> None:
        """Waits for the boot that something inside brings about: a `systemctl reboot` by what is tested."""
        self._on.until("booted", patience_s)
        until(
            lambda: (self.root / "run/systemd/private").exists() or None, lambda: f"systemd of {self.name}", patience_s
        )
        state = self.systemctl("is-system-running", "--wait", check=False, timeout=patience_s).stdout.strip()
        if state not in _RUNNING:
            jobs = self.systemctl("list-jobs", check=False).stdout
            raise MachineError(f"{self.name} is {state or 'silent'}:\n{jobs}{self._on.last_words()}")

    def reboot(self, patience_s: float = 60.0) -> None:
        """An orderly one. /etc, /var and all else on the disk stay; /run, /tmp and the journal begin anew."""
        self._on.signal(_REBOOT)
        self.until_booted(patience_s)

    def cut_power(self, patience_s: float = 60.0) -> None:
        """Everything inside is killed at once, and booted again. What was written is on the disk, synced or not."""
        self._on.signal(signal.SIGKILL)
        self.until_booted(patience_s)

    def stop(self, grace_s: float = 20.0) -> None:
        """An orderly power-off, cut short after `grace_s`. Nothing is left on the host. Does nothing if it is off."""
        if self._guarded is None:
            return
        with contextlib.suppress(MachineError):  # it was off already, or is not within its time
            self._on.signal(_POWER_OFF)
            self._on.until("halted", grace_s)
        self._off()

    def _off(self) -> None:
        guarded, self._guarded = self._on, None
        guarded.end()

    @property
    def _on(self) -> Guarded:
        if self._guarded is None:
            raise MachineError(f"{self.name} is off")
        return self._guarded

    @property
    def pid(self) -> int:
        """The host's number of PID 1. Raises MachineError if there is none."""
        return self._on.pid

    # -- programs and files ----------------------------------------------------------------------------------------

    @property
    def root(self) -> Path:
        """Its file system, as the host's root sees it.

        An absolute link in there leads to the host's own file, and systemd and admins make such links: `read` and
        `write` go where the machine's own programs would.
        """
        return Path(f"/proc/{self.pid}/root")

    def read(self, path: str) -> str:
        return self.run(["cat", "--", path]).stdout

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """A new file of root's; its directories are made."""
        self.run(["install", "-D", "-m", f"{mode:o}", "--", "/dev/stdin", path], stdin=text)

    def command(self, argv: Sequence[str | Path], *, user: str = "root") -> list[str]:
        """What to run out here for `argv` to run in there, for a test with a Popen of its own. See inside()."""
        return inside(self.pid, [str(word) for word in argv], user)

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        check: bool = True,
        timeout: float = 60.0,
        user: str = "root",
        stdin: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Raises CommandFailed, with all that was said, and TimeoutExpired; the process is killed then."""
        command = self.command(argv, user=user)
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout, input=stdin, check=False
        )
        if check and done.returncode != 0:
            raise CommandFailed(done.returncode, [str(word) for word in argv], done.stdout, done.stderr)
        return done

    def bring_in(self, wheel: Path, place: str) -> Path:
        """Installs our package into a new venv at `place`, as seen from inside, and returns it. See bringing.py."""
        return bringing.bring_in(self, wheel, place)

    # -- units -----------------------------------------------------------------------------------------------------

    def systemctl(self, *words: str, check: bool = True, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        return self.run(["systemctl", *words], check=check, timeout=timeout)

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """`systemctl show`; all properties, if none is named. One that has several lines has them joined by newlines.

        A unit that is inactive, and that nothing refers to, is loaded anew for the answer: its Result is then `success`
        whatever happened. Failed ones are kept.
        """
        only = ["-p", ",".join(properties)] if properties else []
        shown: dict[str, str] = {}
        for line in self.systemctl("show", *only, "--", unit).stdout.splitlines():
            name, _, value = line.partition("=")
            shown[name] = f"{shown[name]}\n{value}" if name in shown else value
        return shown

    def wait_for(self, unit: str, patience_s: float = 30.0, **wanted: str) -> None:
        """Until all these properties have these values: `wait_for("a", ActiveState="failed")`."""
        seen: dict[str, str] = {}

        def look() -> bool | None:
            seen.update(self.show(unit, *wanted))
            return seen == wanted or None

        until(look, lambda: f"{unit} to be {wanted}; it is {seen}", patience_s)

    def journal(self, unit: str) -> list[dict[str, Any]]:
        """This boot's entries of and about a unit, oldest first, with all that was logged until now."""
        self.run(["journalctl", "--sync"])
        lines = self.run(["journalctl", "--unit", unit, "--output", "json", "--all", "--no-pager"]).stdout.splitlines()
        entries: list[dict[str, Any]] = [json.loads(line) for line in lines]
        for entry in entries:
            if isinstance(entry.get("MESSAGE"), list):  # so says journalctl what is not plain text: with colours, say
                entry["MESSAGE"] = bytes(entry["MESSAGE"]).decode(errors="replace")
        return entries

    def enforces(self, controller: str) -> bool:
        """Whether limits by this cgroup controller (`memory`, `pids`, `cpu`) act. `systemctl show` does not know."""
        groups = self.root / "sys/fs/cgroup"
        if self._plan.hierarchy is Hierarchy.LEGACY:
            return (groups / controller).is_dir()
        return controller in (groups / "cgroup.controllers").read_text().split()

    # -- its network -----------------------------------------------------------------------------------------------

    def in_network(self, work: Callable[[], Found]) -> Found:
        """Runs `work` in a thread whose sockets are the machine's: `in_network(lambda: asyncio.run(talk()))`.

        A socket belongs to the network of the thread that made it, for good; so `work` may return one.
        """

        def there() -> Found:
            kernel.enter(f"/proc/{pid}/ns/net", Namespace.NETWORK)
            return work()

        pid = self.pid
        with ThreadPoolExecutor(1, "in_network") as thread:  # it ends here, and nobody else gets this thread
            return thread.submit(there).result()

    def connect(self, port: int, timeout: float = 30.0) -> socket:
        """A connection to 127.0.0.1 in there, for any thread out here."""
        return self.in_network(lambda: create_connection(("127.0.0.1", port), timeout))
