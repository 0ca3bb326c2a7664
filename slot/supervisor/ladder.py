"""Climbing the readiness ladder: one look after the other until a token was generated or the wrong model was found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

from slot.state import Readiness
from slot.supervisor.probe import Expected, Probe, Sight

# Before the API server starts there is nobody to answer; from then on every moment counts.
INTERVAL_S = 2.0
HURRIED_INTERVAL_S = 0.25


class Ladder:
    """Looks at one engine for as long as it loads, and never afterwards."""

    def __init__(self, url: str, expected: Expected, *, token_timeout_s: float, see: Callable[[Sight], None]) -> None:
        """`see` gets every look, the last one included."""
        self._url = url
        self._expected = expected
        self._token_timeout_s = token_timeout_s
        self._see = see
        self._climb: asyncio.Task[None] | None = None
        # Set when the engine's log says that somebody may answer now.
        self._hurry = asyncio.Event()
        self._interval_s = INTERVAL_S

    def start(self) -> None:
        """Begins to climb; started twice, it climbs once."""
        if self._climb is None:
            self._climb = asyncio.get_running_loop().create_task(self._look_until_done(), name="readiness ladder")

    def hurry(self) -> None:
        """The API server is starting: look at once, and more often."""
        self._interval_s = HURRIED_INTERVAL_S
        self._hurry.set()

    async def stop(self) -> None:
        if self._climb is not None:
            self._climb.cancel()
            await asyncio.gather(self._climb, return_exceptions=True)

    async def _look_until_done(self) -> None:
        # An engine that fails a request resets the connections that it kept alive.
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session:
            probe = Probe(session, self._url, self._expected, token_timeout_s=self._token_timeout_s)
            while True:
                sight = await probe.look()
                self._see(sight)
                if sight.misfit or sight.rung is Readiness.GENERATED:
                    return
                await self._pause()

    async def _pause(self) -> None:
        self._hurry.clear()
        try:
            async with asyncio.timeout(self._interval_s):
                await self._hurry.wait()
        except TimeoutError:
            return
