"""The simulated engine's life as a process: bind, load, serve, stop.

    LOADING  --the script is through-->                  SERVING
    LOADING  --the script fails-->                       gone
    LOADING  --SIGTERM-->                                gone, by that signal
    SERVING  --SIGTERM, --shutdown-timeout 0-->          STOPPING  what runs gets an error frame
    SERVING  --SIGTERM, --shutdown-timeout N-->          DRAINING  what runs may finish, new asks get 500
    SERVING  --engine core dead (child, device lost)-->  STOPPING  /health 503 for a moment, exit 0
    DRAINING --nothing runs any more, or N seconds-->    STOPPING
    STOPPING --the connections are closed-->             gone
    any      --second SIGTERM-->                         gone at once

The port is bound before the model is loaded and listened to only afterwards, so a start is refused connections and a
busy port is found at once. Measured on vLLM 0.32, the exit code 0 after the engine core's death included; the fault
`crash` ends with 1. One thing is kinder here: from the start of its engine core to the end of the load vLLM does not
react to SIGTERM at all (2 of 2 tries), which only the fault `hang_on_sigterm` does here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

from aiohttp import web

from slot.simulator import app as http
from slot.simulator import cards, children, stop_script
from slot.simulator.children import Child
from slot.simulator.failing_start import api_server_traceback, core_failed
from slot.simulator.faults import FaultName
from slot.simulator.load_script import script
from slot.simulator.log_lines import API_SERVER, Line, Raw, Say, uvicorn
from slot.simulator.options import Options
from slot.simulator.script_items import Exit, Hang, Item, Phase, Wait
from slot.simulator.serving import VERSION, Serving
from slot.simulator.statistics_line import statistics
from slot.simulator.terminal import Terminal

KEEPALIVE_S = 5  # uvicorn's
STATISTICS_EVERY_S = 10.0  # vLLM's
# vLLM takes 4.5 s from the engine core's death to its own exit; long enough to see the 503 is long enough here.
DEAD_ENGINE_LINGERS_S = 0.5


class Failed(Exception):
    """The start has failed. `code`: the process's exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Simulator:
    """`began`: when the process started, on the monotonic clock; the load is measured from there."""

    def __init__(self, options: Options, family: Sequence[Child], *, began: float) -> None:
        self._options = options
        self._family = family
        self._began = began
        self._terminal = Terminal(family[0].pid if family else os.getpid())
        self._serving = Serving.of(options)
        self._asked_to_stop = asyncio.Event()

    async def run(self, unknown_environment: Sequence[str]) -> int:
        """The exit code; below 0 the signal to die of."""
        self._follow_signals()
        self._watch_family()
        try:
            with self._bound() as listener:
                items = script(self._options, version=VERSION, unknown_environment=unknown_environment)
                if not await _before(self._load(items), self._interrupted()):
                    return -signal.SIGTERM
                return await self._serve(listener)
        except Failed as exc:
            cards.strike(self._options.faults, os.environ)
            return exc.code
        finally:
            children.let_go(self._family)

    def _bound(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET6 if ":" in self._options.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._options.host, self._options.port))
        except OSError as exc:
            listener.close()
            self._terminal.say(Raw(f"Traceback (most recent call last):\nOSError: {exc}\n"))
            raise Failed(1) from exc
        return listener

    async def _interrupted(self) -> None:
        """Until the load has to end early: a stop, or the death of the engine core, which raises Failed."""
        if await _before(self._serving.loop.died.wait(), self._asked_to_stop.wait()):
            self._terminal.say(Raw(api_server_traceback(core_failed(-signal.SIGKILL))))
            raise Failed(1)
        if self._serving.process_fault(FaultName.HANG_ON_SIGTERM):
            await asyncio.Event().wait()

    async def _load(self, items: Sequence[Item]) -> None:
        """Performs the script. Raises Failed where it ends in failure."""
        due = self._began
        for item in items:
            match item:
                case Wait(seconds):
                    due += seconds
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                case Exit(code):
                    raise Failed(code)
                case Hang():
                    await asyncio.Event().wait()
                case Say() | Raw():
                    self._terminal.say(item)
                case Phase():
                    pass  # only a mark for the faults

    async def _serve(self, listener: socket.socket) -> int:
        app = http.build(self._serving, self._terminal.say)
        self._terminal.say(*_route_lines(app))
        async with self._running(app) as runner:
            await web.SockSite(runner, listener, backlog=2048).start()
            started = uvicorn(f"Started server process [{os.getpid()}]")
            self._terminal.say(started, uvicorn("Waiting for application startup."))
            self._terminal.say(uvicorn("Application startup complete."))
            await self._until_stopped(runner)
        self._terminal.say(*stop_script.FINISHED)
        return self._serving.loop.exit_code

    @contextlib.asynccontextmanager
    async def _running(self, app: web.Application) -> AsyncIterator[web.AppRunner]:
        """The engine and its HTTP face; at the end what still runs fails, and the connections are closed."""
        runner = web.AppRunner(
            app,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=KEEPALIVE_S,
            shutdown_timeout=1.0,
            auto_decompress=False,
        )
        await runner.setup()
        engine = asyncio.create_task(self._serving.loop.run(), name="engine")
        telling = asyncio.create_task(self._tell_statistics(), name="statistics")
        try:
            yield runner
        finally:
            telling.cancel()
            self._serving.loop.die()
            await asyncio.wait({engine, telling})
            await runner.cleanup()
            engine.result()  # a mistake in the engine ends the process with its traceback

    async def _until_stopped(self, runner: web.AppRunner) -> None:
        loop = self._serving.loop
        if await _before(loop.died.wait(), self._asked_to_stop.wait()):
            self._terminal.say(*stop_script.died(loop.cause))
            cards.strike(self._options.faults, os.environ)
            await asyncio.sleep(DEAD_ENGINE_LINGERS_S)
            return
        timeout_s = self._options.shutdown_timeout_s
        self._terminal.say(*stop_script.asked(timeout_s))
        if timeout_s:
            self._serving.is_draining = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(loop.idle.wait(), timeout_s)
        elif self._serving.process_fault(FaultName.HANG_ON_SIGTERM):
            await self._hang(runner)
        self._terminal.say(*stop_script.stopped())

    async def _hang(self, runner: web.AppRunner) -> None:
        """The port is closed, the engine stands still, and uvicorn waits for connections that nobody will close."""
        for site in list(runner.sites):
            await site.stop()
        self._serving.loop.engine.stands_still_after = 0
        self._terminal.say(uvicorn("Waiting for connections to close. (CTRL+C to force quit)"))
        await self._serving.loop.idle.wait()

    async def _tell_statistics(self) -> None:
        engine, told = self._serving.loop.engine, None
        while self._options.log_stats:
            await asyncio.sleep(STATISTICS_EVERY_S)
            line, told = statistics(engine, told, STATISTICS_EVERY_S, device=self._options.device)
            self._terminal.say(*line)

    def _follow_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            if self._serving.process_fault(FaultName.IGNORE_SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            else:
                loop.add_signal_handler(number, self._ask_to_stop)

    def _ask_to_stop(self) -> None:
        if self._asked_to_stop.is_set():
            os._exit(1)  # asked twice: uvicorn's "force quit"
        self._asked_to_stop.set()

    def _watch_family(self) -> None:
        for child in self._family:
            asyncio.get_running_loop().add_reader(child.link, self._lost, child)

    def _lost(self, child: Child) -> None:
        asyncio.get_running_loop().remove_reader(child.link)
        self._serving.loop.die()


async def _before(wanted: Coroutine[Any, Any, object], other: Coroutine[Any, Any, object]) -> bool:
    """Whether `wanted` is done, and not merely `other`; whichever is not is cancelled. Raises what they raise."""
    tasks = [asyncio.ensure_future(wanted), asyncio.ensure_future(other)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return tasks[0] in done
    finally:
        for task in tasks:
            task.cancel()


def _route_lines(app: web.Application) -> list[Line]:
    lines: list[Line] = [Say(API_SERVER, "launcher.py:186", "Available routes are:")]
    named = [f"Route: {path}, Methods: {method}" for path, method in http.routes_of(app)]
    return [*lines, *(Say(API_SERVER, "launcher.py:195", text) for text in named)]
