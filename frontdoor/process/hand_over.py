"""The old process's side of a succession: starts the new one, hands it the sockets, and later what is left here.

`succession` says when; the new process's side is `inheritance`. The new process is started with the very command line
that started this one, so it is whatever program is installed under that name now. It inherits this one's environment,
sandbox and user: what changed in the unit needs a restart.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress

from frontdoor.process import channel
from frontdoor.process.channel import AnyMessage, BeMain, Channel, Connection, Inherit, Ready, Serve, Serving, Share
from frontdoor.process.listeners import CONTROL, Listeners
from frontdoor.process.succession import Event, Held
from frontdoor.process.systemd import without_ours

PREDECESSOR = "B70_FRONTDOOR_PREDECESSOR_FD"  # no setting: it must not begin with FRONTDOOR_
START_S = 30.0
LEAVE_S = 5.0
HANG_UP_S = 2.0
CLIENTS = "http"


def own_command() -> list[str]:
    """What started this process."""
    return [sys.executable, *sys.orig_argv[1:]]


class Successor:
    """A new process of ours. `tell` gets what happens to it; `why` says what went wrong."""

    def __init__(self, listeners: Listeners, tell: Callable[[Event], None]) -> None:
        self.why = ""
        self._tell = tell
        self._listeners = listeners
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._pidfd: int | None = None
        self._late: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        # connections that could come back; None once it serves: then nothing does
        self._lent: list[socket.socket] | None = []

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts it; whether that went well comes as an event."""
        try:
            self._start(command, environment)
        except OSError as exc:  # also: no file descriptor is free for a socket of it
            self._fail(f"cannot start {command[0]}: {exc.strerror or exc}")

    def _start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        ours, theirs = channel.pair()
        with theirs:
            self._channel = Channel(ours, self._on_message, self._on_end)
            self._process = subprocess.Popen(
                command,
                env=without_ours(environment) | {PREDECESSOR: str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
            )
        self._pidfd = os.pidfd_open(self._process.pid)
        self._loop.add_reader(self._pidfd, self._on_exit)
        self._late = self._loop.call_later(START_S, self._fail, f"not ready within {START_S:g} s")
        self._channel.send(Inherit(self._names()), self._sockets())

    def let_serve(self, held: Held, paused: str | None, cap: int | None) -> None:
        self._send(Serve(held, paused, cap))

    def be_main(self) -> None:
        self._send(BeMain())

    def share(self, held: Held) -> None:
        self._send(Share(held))

    def connection(self, client: socket.socket) -> None:
        """Gives an idle client connection to it. Until it serves, this process could still have it back."""
        if self._lent is None:
            self._send(Connection(), [client])
        else:
            self._send(Connection(), [client.dup()])
            self._lent.append(client)

    def end(self) -> list[socket.socket]:
        """Kills it, if it runs; returns the connections that it was given."""
        self._forget()
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()  # it was killed: this is a matter of a few milliseconds
        lent, self._lent = self._lent, None
        return lent or []

    async def leave(self) -> None:
        """We end; it goes on alone, once it has all that was sent to it."""
        if self._channel is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await self._channel.all_sent()
        self._forget()
        if self._process is not None:
            self._process.returncode = 0  # otherwise Python warns of a child that nobody waits for

    def _send(self, message: AnyMessage, sockets: Sequence[socket.socket] = ()) -> None:
        assert self._channel is not None
        self._channel.send(message, sockets)

    def _on_message(self, message: AnyMessage, sockets: list[socket.socket]) -> None:
        for each in sockets:
            each.close()
        match message:
            case Ready():
                self._tell(Event.SUCCESSOR_READY)
            case Serving():
                self._settle()
                lent, self._lent = self._lent, None
                for client in lent or []:
                    client.close()
                self._tell(Event.SUCCESSOR_SERVES)

    def _on_end(self) -> None:
        """It closed its end: it is about to end, and its exit code says more."""
        self._settle()
        self._late = self._loop.call_later(HANG_UP_S, self._fail, "it hung up")

    def _on_exit(self) -> None:
        assert self._process is not None
        self._fail(f"it ended with exit code {self._process.wait()}")
        self._forget()

    def _fail(self, why: str) -> None:
        self._settle()
        self.why = why
        self._tell(Event.SUCCESSOR_FAILED)

    def _forget(self) -> None:
        """Nothing that it says or does counts any more."""
        self._settle()
        if self._channel is not None:
            self._channel.close()
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

    def _settle(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _names(self) -> tuple[str, ...]:
        return (*(CLIENTS for _ in self._listeners.http), *([CONTROL] if self._listeners.control else []))

    def _sockets(self) -> list[socket.socket]:
        listeners = self._listeners
        with ExitStack() as on_error:
            mine = (*listeners.http, *([listeners.control] if listeners.control else []))
            made = [on_error.enter_context(each.dup()) for each in mine]
            on_error.pop_all()
        return made


def predecessor_fd(environment: Mapping[str, str]) -> int | None:
    """Where the process before this one speaks, if there is one."""
    text = environment.get(PREDECESSOR, "")
    return int(text) if text.isdigit() else None
