"""Runs the engine: sleeps as long as each step takes and hands out its tokens. The only task that touches the engine.

A request is given a `sink` that takes its tokens as they come, and `EngineDead` if the engine dies under it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from itertools import count

from slot.simulator.engine import Engine, Request, Step, Token
from slot.simulator.metrics import Metrics

logger = logging.getLogger(__name__)

# A step that comes this late is not caught up with: after a pause of the machine the pace is the old one again.
MAX_LAG_S = 0.05


class EngineDead(Exception):
    """The engine core is gone, in the words that vLLM 0.32 has for it."""

    def __init__(self) -> None:
        super().__init__("EngineCore encountered an issue. See stack trace (above) for the root cause.")


Sink = Callable[[Token | EngineDead], None]


class EngineLoop:
    """`died` and `idle` are for whoever stops the server; `numbers` counts the asks."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self.engine = engine
        self._metrics = metrics
        self.is_dead = False
        self.cause: str | None = None
        # What the process exits with when the engine is dead; 0 is what vLLM 0.32 does (measured).
        self.exit_code = 0
        self.died = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self.numbers = count(start=1)
        self._sinks: dict[Request, Sink] = {}
        self._wake = asyncio.Event()

    def submit(self, request: Request, sink: Sink) -> None:
        """Raises EngineDead."""
        if self.is_dead:
            raise EngineDead
        self._sinks[request] = sink
        self._metrics.submitted(request, time.monotonic())
        self.engine.add(request)
        self.idle.clear()
        self._wake.set()

    def abort(self, request: Request) -> None:
        """Also for a request that is over already."""
        self._sinks.pop(request, None)
        self._metrics.aborted(request)
        self.engine.abort(request)
        self._wake.set()
        self._note_idle()

    def end(self, request: Request) -> None:
        """Its text is complete, at a stop string: nothing more of it is computed, and it counts as a success."""
        self._metrics.finished(request, "stop", time.monotonic())
        self.abort(request)

    def die(self, cause: str | None = None, *, exit_code: int = 0) -> None:
        """Every request fails now, and every later one at once. `cause`: the last words of the engine core, if any."""
        if self.is_dead:
            return
        self.is_dead, self.cause, self.exit_code = True, cause, exit_code
        logger.debug("engine died with %r", self.engine)
        sinks, self._sinks = self._sinks, {}
        for request, sink in sinks.items():
            self.engine.abort(request)
            self._metrics.aborted(request)
            sink(EngineDead())
        self._note_idle()
        self.died.set()
        self._wake.set()

    async def run(self) -> None:
        """Until the engine dies."""
        due = time.monotonic()
        try:
            while not self.is_dead:
                step = self.engine.plan()
                if step is None:
                    self._wake.clear()
                    await self._wake.wait()
                    due = time.monotonic()
                    continue
                due = max(due, time.monotonic() - MAX_LAG_S) + step.seconds
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                self._finish(step)
        finally:
            self.die()  # a mistake in the engine is its death as well: nobody may wait for it

    def _finish(self, step: Step) -> None:
        tokens = self.engine.complete(step)
        self._metrics.step(tokens, step, time.monotonic())
        self._hand_out(tokens)

    def _hand_out(self, tokens: list[Token]) -> None:
        for token in tokens:
            sink = self._sinks.get(token.request)
            if token.is_last:
                self._sinks.pop(token.request, None)
            if sink is not None:
                sink(token)
        self._note_idle()

    def _note_idle(self) -> None:
        if not self.engine.running and not self.engine.waiting:
            self.idle.set()
