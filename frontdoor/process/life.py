"""The life of one process of the frontdoor: what signals and the control socket ask for, done as `succession` says.

    SIGTERM, SIGINT    stop: open requests may end, for FRONTDOOR_DRAIN_TIMEOUT_S; a second one ends them at once
    SIGHUP             read profile, settings, keys and certificate again
    SIGUSR2            let a new process take over

This holds from `run` on; `start` has what a process does that is told something before.

At a stop the listening sockets are closed here and stay open wherever else they are held. Every connection that was
accepted is still answered: what is open ends, and a connection on which nothing is asked is kept for LINGER_S, for a
request that is on its way already. Answers say that they are the last on their connection.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

from frontdoor.admin.admin_door import AdminDoor
from frontdoor.admin.control import CannotReplace, Control
from frontdoor.admin.control_socket import ControlSocket
from frontdoor.process.hand_over import Successor
from frontdoor.process.inheritance import Predecessor
from frontdoor.process.listeners import Listeners
from frontdoor.process.notify import Notifier
from frontdoor.process.serving import OpenDoor
from frontdoor.process.shares import Shares
from frontdoor.process.succession import Action, Event, Held, Stage, step

LINGER_S = 0.5
STOP_SLACK_S = 10.0  # what a stop may take besides the drain
ACCEPTING = (Stage.SERVING, Stage.PREPARING)

logger = logging.getLogger(__name__)


class Life:
    """From serving to the end. This is also the `Process` that the control socket knows."""

    def __init__(
        self, door: OpenDoor, notifier: Notifier, predecessor: Predecessor | None, command: Sequence[str]
    ) -> None:
        """`command` starts another process like this one."""
        self.stage = Stage.SERVING
        self.admin = AdminDoor(door.frontdoor)
        self.control = Control(self.admin, self)
        # its file is this process's to take away; None where there is none, or where a successor has it
        self.control_socket: ControlSocket | None = None
        self._door = door
        self._notifier = notifier
        self._predecessor = predecessor
        self._command = command
        self._successor: Successor | None = None
        self._shares: Shares | None = None
        self._loop = asyncio.get_running_loop()
        # what `replace` is waiting for
        self._replaced: asyncio.Future[int] | None = None
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self) -> None:
        """Takes clients, and the admin's commands."""
        await self._door.accept()
        if self.control_socket is not None:
            await self.control.accept(self.control_socket.listener)

    async def run(self, heartbeat_s: float | None) -> None:
        """Until the end; what is still open then is for the caller to cut. Raises what a helper of the door raised."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._happened, Event.STOP_ASKED)
        self._loop.add_signal_handler(signal.SIGHUP, self.reload)
        self._loop.add_signal_handler(signal.SIGUSR2, self._replace_by_signal)
        # what was sent while this process started has waited for this
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGHUP, signal.SIGUSR2))
        self._do(self._speak(heartbeat_s), "speak to systemd")
        done, _ = await asyncio.wait([self._ended, *self._door.helpers], return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()

    async def close(self) -> None:
        """The end of everything but the door: the last words, and a successor goes on alone."""
        if self.control_socket is not None:
            self.control_socket.remove()
        await self.control.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._successor is not None:
            await self._successor.leave()
        if self.control_socket is not None:
            self.control_socket.close()

    async def _speak(self, heartbeat_s: float | None) -> None:
        if self._predecessor is not None:
            await self._predecessor.main()  # until then systemd would not listen
        self._notifier.ready()
        await self._notifier.live(heartbeat_s, self._in_words)

    def _in_words(self) -> str:
        """What `systemctl status` shows."""
        doing = "paused" if self.stage is Stage.SERVING and self.admin.paused is not None else self.stage
        active, waiting, _ = self.admin.progress()
        return f"{doing}, {active} of {self._door.frontdoor.gate.admission.cap} active, {waiting} waiting"

    # ---- what is asked of it ----

    @property
    def leaving(self) -> str | None:
        """Why nothing may be changed in this process any more, or None.

        1. It has ended, or is about to; what an admin said holds for a successor as it was told at the hand-over
        2. A successor may have been told already
        """
        if self.stage in (Stage.RETIRING, Stage.STOPPING, Stage.ENDED):  # 1
            successor = "" if self._successor is None else f"; process {self._successor.pid} serves now: connect again"
            return f"this process is {self.stage}{successor}"
        if self.stage is Stage.YIELDING:  # 2
            return "a new process is taking over; ask again when it serves"
        return None

    def reload(self) -> Sequence[str]:
        """Reads profile, settings, keys and certificate again; what could not be used, one line each."""
        self._notifier.reloading()
        problems = self._door.reload()
        for problem in problems:
            logger.error("not reloaded, what was there stays: %s", problem)
        self._notifier.ready()
        return problems

    async def replace(self) -> int:
        """Lets a new process take over; returns its process id once it serves. Raises CannotReplace."""
        if (why_not := self._why_not()) is not None:
            raise CannotReplace(why_not)
        self._replaced = self._loop.create_future()
        self._happened(Event.REPLACE_ASKED)
        return await asyncio.shield(self._replaced)

    def _why_not(self) -> str | None:
        """Why no successor may be started now.

        1. Nobody could be told of it: whoever started this process would take its end for the end of the service
        2. One is on its way, or this process ends
        3. This process has a predecessor that still ends requests: three would have to share the cap
        """
        if not self._notifier.is_heard:  # 1
            return "there is no systemd (Type=notify) that could be told of the new process; stop and start it instead"
        if self.stage is not Stage.SERVING:  # 2
            return f"this process is {self.stage} already"
        if self._predecessor is not None and self._predecessor.held != Held():  # 3
            left = self._predecessor.held.generations
            return f"the process before this one still has {left} of the places; ask again when it has ended"
        return None

    def _replace_by_signal(self) -> None:
        self._do(self._try_to_replace(), "replace")

    async def _try_to_replace(self) -> None:
        try:
            await self.replace()
        except CannotReplace as exc:
            logger.error("not replaced: %s", exc)

    # ---- what follows ----

    def _happened(self, event: Event) -> None:
        before = self.stage
        self.stage, actions = step(before, event)
        if self.stage is not before:
            logger.info("%s -> %s", before, self.stage)
        for action in actions:
            self._act(action)
        if self.stage is Stage.ENDED and not self._ended.done():
            self._ended.set_result(None)

    def _act(self, action: Action) -> None:
        match action:
            case Action.START_SUCCESSOR:
                self._successor = Successor(self._sockets(), self._tell_soon)
                self._successor.start(self._command, os.environ)
            case Action.STOP_ACCEPTING:
                self._stop_accepting()
            case Action.LET_SERVE:
                # what was accepted in this run of the loop is attached in the next one
                self._loop.call_soon(self._loop.call_soon, self._let_serve)
            case Action.LEAVE_IT_ALL:
                self._leave_it_all()
            case Action.END_SUCCESSOR:
                self._end_successor()
            case Action.ACCEPT_AGAIN:
                self._do(self._accept_again(), "accept again")
            case Action.SAY_STOPPING:
                self._notifier.stopping(self._door.settings.drain_timeout_s + STOP_SLACK_S)
            case Action.LIMIT_DRAIN:
                self._door.close_listeners()
                self._door.server.start_closing(LINGER_S)
                self._loop.call_later(self._door.settings.drain_timeout_s, self._happened, Event.TIME_OVER)
                self._do(self._wait_until_empty(), "wait until nobody is left")
            case Action.CUT:
                pass  # the door cuts what is open when it is closed

    def _sockets(self) -> Listeners:
        control = self.control_socket.listener if self.control_socket is not None else None
        return replace(self._door.listeners, control=control)

    def _let_serve(self) -> None:
        if self.stage is not Stage.YIELDING or self._successor is None:
            return
        successor = self._successor
        self._door.server.start_closing(LINGER_S)
        self._door.hand_on_idle(self._give)
        strangers_s = 0.0 if self._door.secured is None else LINGER_S
        self._shares = Shares(self._door.frontdoor, successor.share, strangers_s)
        successor.let_serve(self._shares.held, self.admin.paused, self.admin.own_cap)

    def _give(self, client: socket.socket) -> None:
        """A connection on which nothing is asked now: what was kept for it is the successor's as well."""
        if self._successor is None:  # it was given up after this was asked for
            self._door.take(client)
            return
        self._successor.connection(client)
        if self._shares is not None:
            self._shares.look()

    def _stop_accepting(self) -> None:
        self._door.stop_accepting()
        self.control.stop_accepting()

    def _leave_it_all(self) -> None:
        assert self._successor is not None and self._replaced is not None
        pid = self._successor.pid
        self._notifier.main_pid(pid)
        self._successor.be_main()
        self._door.close_listeners()
        if self.control_socket is not None:
            self.control_socket.close()
            self.control_socket = None
        self._replaced.set_result(pid)
        self._do(self._wait_until_empty(), "wait until nobody is left")

    def _end_successor(self) -> None:
        """It is not to be, or cannot be: everything is ours again."""
        assert self._successor is not None and self._replaced is not None
        successor, self._successor = self._successor, None
        why = successor.why or "this process was told to stop"
        logger.error("no new process: %s", why)
        self._door.server.stop_closing()  # where this process stops instead, it closes anew
        for client in successor.end():
            self._door.take(client)
        if self._shares is not None:
            self._shares.undo()
            self._shares = None
        self._replaced.set_exception(CannotReplace(why))
        self._replaced.exception()  # it need not be asked for: the signal's asker may be gone

    async def _accept_again(self) -> None:
        """A stop may come before this runs, or in the middle of it."""
        if self.stage in ACCEPTING:
            await self.accept()
        if self.stage not in ACCEPTING:
            self._stop_accepting()

    async def _wait_until_empty(self) -> None:
        await self._door.empty()
        self._happened(Event.EMPTY)

    def _tell_soon(self, event: Event) -> None:
        """What a successor tells comes from the middle of something."""
        self._loop.call_soon(self._happened, event)

    def _do(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            logger.error("%s: failed", task.get_name(), exc_info=exc)
