"""The control socket: an admin's word on a unix socket becomes a call of the frontdoor. `commands` has the words.

Who may write to the socket's file may do all of this; nothing is asked beyond that. Each command that changes something
is logged with the process and the user that sent it; a process that hands over or ends refuses it. A conversation is
one line, then its answer; a client may send several, one after the other. A client that leaves changes nothing: a drain
goes on without it, and nobody is told.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Protocol

from frontdoor.admin import commands
from frontdoor.admin.commands import MAX_LINE_BYTES, AnyCommand, Misunderstood, Progress, Reply

MAX_CLIENTS = 16
IDLE_S = 60.0  # how long a client may take over a line, and over reading one
DRAIN_LOOK_S = 0.05
LAST_WORDS_S = 4 * DRAIN_LOOK_S
DRAINING = "draining"

logger = logging.getLogger(__name__)


class Door(Protocol):
    """What a frontdoor lets its admin do, while it serves."""

    @property
    def paused(self) -> str | None:
        """Why generations are refused, or None."""

    @property
    def own_cap(self) -> int | None:
        """What `set_cap` said; None where the profile's holds."""

    def pause(self, reason: str) -> None:
        """Refuses generations from now on; those that run or wait are not touched. A new reason replaces the old."""

    def resume(self) -> None: ...

    def set_cap(self, cap: int | None) -> None:
        """How many generations may run at once, until the profile changes; None: what the profile says."""

    def progress(self) -> Progress: ...

    def status(self) -> dict[str, object]:
        """The body of `GET /status`."""


class Process(Protocol):
    """What the process around it can do; a signal may ask for the same."""

    @property
    def leaving(self) -> str | None:
        """Why nothing may be changed in this process any more, or None: it would be lost, or break the common cap."""

    def reload(self) -> Sequence[str]:
        """Reads profile, settings, keys and certificate again; what could not be used, one line each."""

    async def replace(self) -> int:
        """Starts a new process that takes over; returns its process id once it has. Raises CannotReplace."""


class CannotReplace(Exception):
    """The new process did not take over, and nothing has changed. The words say why."""


class Control:
    """Serves the control socket."""

    def __init__(self, door: Door, process: Process) -> None:
        self._door = door
        self._process = process
        self._clients: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def accept(self, listener: socket.socket) -> None:
        """Answers from now on. `listener` stays the caller's: while it is open, admins wait and are not refused."""
        self._server = await asyncio.start_server(self._serve, sock=listener.dup(), limit=MAX_LINE_BYTES)

    def stop_accepting(self) -> None:
        """Nobody new; who is connected is still answered."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def close(self) -> None:
        """Ends every conversation, after LAST_WORDS_S for those that are about to end by themselves."""
        self.stop_accepting()
        if self._clients:
            await asyncio.wait(self._clients, timeout=LAST_WORDS_S)
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if len(self._clients) > MAX_CLIENTS:
                await _say(writer, _error(f"{MAX_CLIENTS} clients are connected already"))
            else:
                await self._converse(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            pass  # it left, or it is slow, or we end: there is nothing more to tell it
        finally:
            self._clients.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    line = await reader.readline()
            except ValueError:
                await _say(writer, _error(f"a command has at most {MAX_LINE_BYTES} bytes"))
                return
            if not line:
                return
            command = commands.decode(line)
            if isinstance(command, Misunderstood):
                await _say(writer, _error(command.why))
            else:
                await self._obey(command, writer)

    async def _obey(self, command: AnyCommand, writer: asyncio.StreamWriter) -> None:
        if not isinstance(command, commands.Status):
            if (why := self._process.leaving) is not None:
                await _say(writer, _error(why))
                return
            logger.info("%s, by %s", commands.encode(command).decode().strip(), _sender(writer))
        match command:
            case commands.Pause(reason):
                self._door.pause(reason)
                await _say(writer, _done())
            case commands.Resume():
                self._door.resume()
                await _say(writer, _done())
            case commands.Drain(timeout_s):
                await self._drain(timeout_s, writer)
            case commands.Cap(cap):
                self._door.set_cap(cap)
                await _say(writer, _done(cap=cap))
            case commands.Reload():
                problems = self._process.reload()
                await _say(writer, _error("; ".join(problems)) if problems else _done())
            case commands.Replace():
                await self._replace(writer)
            case commands.Status():
                await _say(writer, _done(status=self._door.status()))

    async def _drain(self, timeout_s: float | None, writer: asyncio.StreamWriter) -> None:
        """Pauses, then tells how it goes until nobody is left, or until somebody resumes. Else it stays paused."""
        if self._door.paused is None:
            self._door.pause(DRAINING)
        deadline = None if timeout_s is None else monotonic() + timeout_s
        told, told_at = None, 0.0
        while True:
            progress, now = self._door.progress(), monotonic()
            kind = commands.look_at_drain(progress, now, deadline, paused=self._door.paused)
            if kind is not Reply.PROGRESS or commands.is_news(progress, now, told, told_at):
                await _say(writer, commands.reply(kind, **progress._asdict()))
                told, told_at = progress, now
            if kind is not Reply.PROGRESS:
                return
            await asyncio.sleep(DRAIN_LOOK_S)

    async def _replace(self, writer: asyncio.StreamWriter) -> None:
        try:
            pid = await self._process.replace()
        except CannotReplace as exc:
            await _say(writer, _error(str(exc)))
        else:
            await _say(writer, _done(pid=pid))


async def _say(writer: asyncio.StreamWriter, line: bytes) -> None:
    writer.write(line)
    async with asyncio.timeout(IDLE_S):
        await writer.drain()


def _done(**facts: object) -> bytes:
    return commands.reply(Reply.DONE, **facts)


def _error(message: str) -> bytes:
    return commands.reply(Reply.ERROR, message=message)


def _sender(writer: asyncio.StreamWriter) -> str:
    """Who is at the other end, by the kernel's word. Source: unix(7), SO_PEERCRED."""
    handle = writer.get_extra_info("socket").dup()
    with handle:
        credentials = handle.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", credentials)
    return f"user {uid}, process {pid}"
