"""The simulated engine's life as a process: bind, load, serve, stop.

    LOADING  --the script is through-->                  SERVING
    LOADING  --the script fails, or SIGTERM-->           gone
    SERVING  --SIGTERM, --shutdown-timeout 0-->          STOPPING  what runs gets an error frame
    SERVING  --SIGTERM, --shutdown-timeout N-->          DRAINING  what runs may finish, new asks get 500
    SERVING  --engine core dead (child, device lost)-->  STOPPING  /health 503 for a moment, exit 0
    DRAINING --nothing runs any more, or N seconds-->    STOPPING
    STOPPING --the connections are closed-->             gone
    any      --second SIGTERM-->                         gone at once

The port is bound before the model is loaded and listened to only afterwards, so a start is refused connections and a
busy port is found at once. All of this was measured on vLLM 0.32, the exit code 0 after the engine core's death
included.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence

from aiohttp import web

from slot.simulator import app as http
from slot.simulator import children, timing
from slot.simulator.argv import Options
from slot.simulator.asks import Served
from slot.simulator.children import Child
from slot.simulator.engine import Engine
from slot.simulator.engine_loop import EngineLoop
from slot.simulator.faults import FaultName
from slot.simulator.kv_cache import KvCache
from slot.simulator.load_script import Exit, Hang, Item, Phase, Wait, script
from slot.simulator.log_lines import API_SERVER, ENGINE_CORE, Line, Raw, Say, render, traceback, uvicorn
from slot.simulator.metrics import Metrics
from slot.simulator.serving import VERSION, Serving

KEEPALIVE_S = 5  # uvicorn's
DEAD_ENGINE_LINGERS_S = (
    0.5  # vLLM takes 4.5 s from the engine core's death to its own exit; nobody needs to wait for that
)


class Failed(Exception):
    """The start has failed. `code`: the process's exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Terminal:
    """Where the lines go: the logger's to stdout, the others to stderr."""

    def __init__(self, engine_core_pid: int) -> None:
        self._pids = {API_SERVER: os.getpid(), ENGINE_CORE: engine_core_pid}

    def say(self, line: Line) -> None:
        if isinstance(line, Raw):
            sys.stderr.write(line.text)
            sys.stderr.flush()
        else:
            sys.stdout.write(render(line, self._pids, time.strftime("%m-%d %H:%M:%S")))
            sys.stdout.flush()


class Simulator:
    """`began`: the moment the process started, on the monotonic clock; the load is measured from there."""

    def __init__(self, options: Options, family: Sequence[Child], *, began: float) -> None:
        self._options = options
        self._family = family
        self._began = began
        self._terminal = Terminal(family[0].pid if family else os.getpid())
        self._serving = _serving(options)
        self._stop = asyncio.Event()

    async def run(self, unknown_environment: Sequence[str]) -> int:
        """The exit code."""
        self._follow_signals()
        self._watch_family()
        try:
            with self._bound() as listener:
                stopped = asyncio.create_task(self._stop.wait(), name="stop signal")
                loading = asyncio.create_task(self._load(unknown_environment), name="load")
                await asyncio.wait({stopped, loading}, return_when=asyncio.FIRST_COMPLETED)
                stopped.cancel()
                if not loading.done():
                    loading.cancel()
                    return 0
                loading.result()
                return await self._serve(listener)
        except Failed as exc:
            return exc.code
        finally:
            children.let_go(self._family)

    def _say(self, *lines: Line) -> None:
        for line in lines:
            self._terminal.say(line)

    def _bound(self) -> socket.socket:
        listener = socket.socket(socket.AF_INET6 if ":" in self._options.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._options.host, self._options.port))
        except OSError as exc:
            listener.close()
            self._say(Raw(f"Traceback (most recent call last):\nOSError: {exc}\n"))
            raise Failed(1) from exc
        return listener

    async def _load(self, unknown_environment: Sequence[str]) -> None:
        due = self._began
        for item in script(self._options, version=VERSION, unknown_environment=unknown_environment):
            due = await self._perform(item, due)

    async def _perform(self, item: Item, due: float) -> float:
        """Does one item of the script; returns when the next is due."""
        match item:
            case Wait(seconds):
                due += seconds
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            case Exit(code):
                raise Failed(code)
            case Hang():
                await asyncio.Event().wait()
            case Say() | Raw():
                self._say(item)
            case Phase():
                pass  # only a mark for the faults
        return due

    async def _serve(self, listener: socket.socket) -> int:
        app = http.build(self._serving, self._say)
        self._say(*_route_lines(app))
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
        try:
            await web.SockSite(runner, listener, backlog=2048).start()
            pid = os.getpid()
            self._say(uvicorn(f"Started server process [{pid}]"), uvicorn("Waiting for application startup."))
            self._say(uvicorn("Application startup complete."))
            await self._until_stopped(runner)
        finally:
            self._serving.loop.die()
            await engine
            await runner.cleanup()
        self._say(uvicorn("Waiting for application shutdown."), uvicorn("Application shutdown complete."))
        return 0

    async def _until_stopped(self, runner: web.AppRunner) -> None:
        loop = self._serving.loop
        await _first(self._stop.wait(), loop.died.wait())
        if loop.is_dead:
            self._say(*_dead_engine_lines())
            await asyncio.sleep(DEAD_ENGINE_LINGERS_S)
            return
        timeout_s = self._options.shutdown_timeout_s
        mode = "drain" if timeout_s else "abort"
        said = f"[shutdown] API server: stopping engine client mode={mode} timeout={timeout_s:.0f}s"
        self._say(Say(API_SERVER, "launcher.py:254", "[shutdown] API server: shutdown triggered"))
        self._say(Say(API_SERVER, "launcher.py:270", said))
        self._say(Say(ENGINE_CORE, "core.py:1454", "[shutdown] EngineCore: trigger received signal=SIGTERM"))
        if timeout_s:
            self._serving.is_draining = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(loop.idle.wait(), timeout_s)
        elif self._serving.process_fault(FaultName.HANG_ON_SIGTERM):
            await self._hang(runner)
        self._say(Say(API_SERVER, "launcher.py:279", "[shutdown] API server: engine client stopped"))
        self._say(uvicorn("Shutting down"))

    async def _hang(self, runner: web.AppRunner) -> None:
        """The port is closed, the engine stands still, and uvicorn waits for connections that nobody will close."""
        for site in list(runner.sites):
            await site.stop()
        self._serving.loop.engine.stands_still_after = 0
        self._say(uvicorn("Waiting for connections to close. (CTRL+C to force quit)"))
        await self._serving.loop.idle.wait()

    def _follow_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            if self._serving.process_fault(FaultName.IGNORE_SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            else:
                loop.add_signal_handler(number, self._asked_to_stop)

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():
            os._exit(1)  # asked twice: uvicorn's "force quit"
        self._stop.set()

    def _watch_family(self) -> None:
        loop = asyncio.get_running_loop()
        for child in self._family:
            loop.add_reader(child.link, self._lost, child)

    def _lost(self, child: Child) -> None:
        asyncio.get_running_loop().remove_reader(child.link)
        self._serving.loop.die()


async def _first(*waits: object) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]  # type: ignore[call-overload]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _serving(options: Options) -> Serving:
    stall = next((fault for fault in options.faults if fault.name is FaultName.STALL_MID_STREAM), None)
    engine = Engine(
        options.timing,
        KvCache(timing.kv_tokens(options.timing), options.block_size, keeps=options.prefix_caching),
        max_num_seqs=options.max_num_seqs,
        max_batched_tokens=options.max_batched_tokens,
        stands_still_after=None if stall is None else stall.after_tokens,
    )
    metrics = Metrics(engine, options.served_names[0], max_model_len=options.max_model_len)
    served = Served(options.served_names, options.max_model_len, options.image_limit, options.auto_tool_choice)
    return Serving(options=options, served=served, loop=EngineLoop(engine, metrics), metrics=metrics)


def _route_lines(app: web.Application) -> list[Line]:
    lines: list[Line] = [Say(API_SERVER, "launcher.py:186", "Available routes are:")]
    named = [f"Route: {path}, Methods: {method}" for path, method in http.routes_of(app)]
    return [*lines, *(Say(API_SERVER, "launcher.py:195", text) for text in named)]


def _dead_engine_lines() -> list[Line]:
    frames = ['"vllm/v1/engine/async_llm.py", line 849, in output_handler']
    error = (
        "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. "
        "See stack trace (above) for the root cause."
    )
    unexpected = "[shutdown] MPClient: engine core exited unexpectedly; starting cleanup"
    return [
        Say(API_SERVER, "core_client.py:817", unexpected, "WARNING"),
        *traceback(API_SERVER, "async_llm.py:906", "AsyncLLM output_handler failed.", frames, error),
        uvicorn("Shutting down"),
    ]
