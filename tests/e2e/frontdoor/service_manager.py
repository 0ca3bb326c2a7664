"""systemd, as far as one service with a socket needs it: holds the address, starts and stops, and hears what is said.

The real one holds the listening socket, passes it as descriptor 3, and takes MAINPID= for the word of the main process
(checked by the sender's credentials). So does this; what it was told is kept with the process that said it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_S = 20.0
# LISTEN_PID is the number of the process that reads it, which nobody knows before it exists: it says its own
AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"}
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True)
class Said:
    """One message of sd_notify(3)."""

    pid: int
    words: dict[str, str]


@dataclass
class Service:
    """A frontdoor under supervision. `main` is the process id that the service has now."""

    directory: Path
    listener: socket.socket
    environment: dict[str, str]
    said: list[Said] = field(default_factory=list)
    main: int = 0
    _notify: socket.socket | None = None
    _heard: asyncio.Event = field(default_factory=asyncio.Event)
    _pidfds: dict[int, int] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def log(self) -> str:
        return (self.directory / "frontdoor.log").read_text()

    def open(self) -> None:
        path = self.directory / "notify.sock"
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._notify.bind(str(path))
        self._notify.setblocking(False)
        asyncio.get_running_loop().add_reader(self._notify, self._hear)
        self.environment |= {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "1000000"}
        self.environment["FRONTDOOR_CONTROL_SOCKET"] = str(self.directory / "control.sock")

    async def start(self) -> None:
        """Until it is ready."""
        await self.launch()
        await self.until(lambda: self.has_said("READY", "1") or self.main not in self._pidfds, "READY=1")
        assert self.main in self._pidfds, f"it ended at once:\n{self.log}"

    async def launch(self) -> None:
        """Starts its process."""
        listener = self.listener.fileno()
        wrapper = [sys.executable, "-I", "-S", "-c", AS_SYSTEMD, str(listener)]
        with (self.directory / "frontdoor.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *wrapper,
                *[sys.executable, "-m", "frontdoor"],
                env={**_bare(os.environ), **self.environment},
                pass_fds=[listener],
                stdout=log,
                stderr=log,
            )
        self._is_main(process.pid)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Until it has ended."""
        pid = self.main
        os.kill(pid, number)
        await self.end_of(pid)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def replace(self) -> int:
        """Until another process is the service; returns the process before it, which may still be ending requests."""
        before = self.main
        os.kill(before, signal.SIGUSR2)
        await self.until(lambda: self.main != before and self.has_said("READY", "1"), "MAINPID=")
        return before

    async def end_of(self, pid: int) -> None:
        """Until that process has ended; it need not be a child of ours."""
        await self.until(lambda: pid not in self._pidfds, f"the end of {pid}")

    async def admin(self, *words: str) -> tuple[int, str, str]:
        """`frontdoor VERB ...`: exit code, stdout, stderr."""
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "frontdoor", *words],
            env={**_bare(os.environ), **self.environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complained = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode(), complained.decode()

    def has_said(self, name: str, value: str) -> bool:
        """Whether the main process has."""
        return any(each.pid == self.main and each.words.get(name) == value for each in self.said)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._heard.clear()
                try:
                    await self._heard.wait()
                except asyncio.CancelledError:
                    sys.stderr.write(f"waited in vain for {what}\n{self.said}\n{self.log}")
                    raise

    async def until_log(self, text: str, times: int = 1) -> None:
        """Until its log has that text so many times."""
        async with asyncio.timeout(PATIENCE_S):
            while self.log.count(text) < times:  # noqa: ASYNC110  a file tells nobody that it has grown
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        for pid in list(self._pidfds):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            await self.end_of(pid)
        if self._notify is not None:
            asyncio.get_running_loop().remove_reader(self._notify)
            self._notify.close()

    def _is_main(self, pid: int) -> None:
        self.main = pid
        handle = self._pidfds[pid] = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(handle, self._has_ended, pid)

    def _has_ended(self, pid: int) -> None:
        handle = self._pidfds.pop(pid)
        asyncio.get_running_loop().remove_reader(handle)
        os.close(handle)
        self._heard.set()

    def _hear(self) -> None:
        assert self._notify is not None
        with contextlib.suppress(BlockingIOError):
            while True:
                data, ancillary, _, _ = self._notify.recvmsg(4096, socket.CMSG_SPACE(struct.calcsize("3i")))
                pid, _, _ = struct.unpack("3i", ancillary[0][2])
                words = dict(line.partition("=")[::2] for line in data.decode().splitlines())
                self.said.append(Said(pid, words))
                if "MAINPID" in words and pid == self.main:
                    self._is_main(int(words["MAINPID"]))
        self._heard.set()


@contextlib.asynccontextmanager
async def running(**environment: str) -> AsyncIterator[Service]:
    """A service that is ready. None of its processes outlives the block."""
    # a path that is short enough for a socket, wherever the tests have their files
    with tempfile.TemporaryDirectory(dir="/tmp") as directory, socket.create_server(("127.0.0.1", 0)) as listener:
        service = Service(Path(directory), listener, environment)
        service.open()
        try:
            await service.start()
            yield service
        finally:
            await service.close()


def _bare(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in environment.items() if not name.startswith("FRONTDOOR_")}
