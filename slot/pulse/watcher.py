"""Feels the pulse of one engine while it serves: scrapes, probes, and tells when it has stopped.

What that means is decided in `heart`. Here are the connection, the clock and the two things that can be under way: one
scrape at a time, and one probe, which may take as long as it likes: whether that is too long is the heart's to say.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import aiohttp

from slot import state
from slot.pulse import heart, scrape
from slot.pulse.heart import Declare, Event, ProbeAnswered, ProbeFailed, Rhythm, Scraped, ScrapeFailed, SendProbe

logger = logging.getLogger(__name__)

# A wedge takes minutes to be one, and a scrape costs the engine's event loop some milliseconds.
INTERVAL_S = 5.0
SCRAPE_TIMEOUT = aiohttp.ClientTimeout(total=10.0)


class Watcher:
    """One engine from its first token on. Everything is called on the event loop's thread."""

    def __init__(
        self,
        url: str,
        *,
        allowance_s: float,
        ask: Callable[[aiohttp.ClientSession], Awaitable[None]],
        tell: Callable[[Declare], None],
    ) -> None:
        """`ask` gets a token out of the engine, or raises what aiohttp raises, or ValueError; `tell` is called once."""
        self._url = f"{url}/metrics"
        self._ask = ask
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._interval_s = min(INTERVAL_S, allowance_s / 4)
        self._heart = heart.begin(allowance_s, self._loop.time())
        self._watching: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None
        # The last that the engine told of itself, for the incident.
        self.last_metrics = b""

    def start(self) -> None:
        """The engine has just generated its first token."""
        self._heart = heart.begin(self._heart.allowance_s, self._loop.time())
        self._watching = self._loop.create_task(self._watch(), name="pulse")

    def cease(self) -> None:
        """From now on nothing is asked and nothing told. `sight` stays what it was."""
        for task in self._tasks:
            task.cancel()

    async def stop(self) -> None:
        """Ceases, and waits until it has. Does nothing if it was not started."""
        self.cease()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def _tasks(self) -> list[asyncio.Task[None]]:
        return [task for task in (self._watching, self._probing) if task is not None]

    @property
    def sight(self) -> state.Pulse | None:
        """For the snapshot; None as long as nothing was seen."""
        if (vitals := self._heart.vitals) is None:
            return None
        probed_at = self._heart.probed_at
        return state.Pulse(
            running=vitals.running,
            waiting=vitals.waiting,
            tokens=vitals.tokens,
            beat_at=self._since_the_epoch(self._heart.beat_at),
            probed_at=None if probed_at is None else self._since_the_epoch(probed_at),
            allowance_s=self._heart.allowance_s,
        )

    async def _watch(self) -> None:
        # An engine that fails a request resets the connections that it kept alive.
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session:
            while self._heart.rhythm is not Rhythm.WEDGED:
                event = await self._look(session)
                if event is None:
                    logger.warning("%s shows no pulse (SERVE_DISABLE_LOG_STATS?): a wedge will not be seen", self._url)
                    return
                self._take(event, session)
                await asyncio.sleep(self._interval_s)

    async def _look(self, session: aiohttp.ClientSession) -> Scraped | ScrapeFailed | None:
        try:
            async with session.get(self._url, timeout=SCRAPE_TIMEOUT) as response:
                response.raise_for_status()
                text = await response.read()
        except (aiohttp.ClientError, TimeoutError) as exc:
            logger.debug("%s: %s", self._url, exc or type(exc).__name__)
            return ScrapeFailed(self._loop.time())
        self.last_metrics = text
        if (vitals := scrape.read(text)) is not None:
            return Scraped(vitals, self._loop.time())
        # what once had a pulse is not without one: a page that is empty for a moment must not end the watch
        return None if self._heart.vitals is None else ScrapeFailed(self._loop.time())

    def _take(self, event: Event, session: aiohttp.ClientSession) -> None:
        self._heart, order = heart.step(self._heart, event)
        match order:
            case SendProbe():
                if self._probing is not None:
                    self._probing.cancel()  # of an older question; an answer to this one tells more
                self._probing = self._loop.create_task(self._probe(session), name="pulse probe")
            case Declare():
                self._tell(order)

    async def _probe(self, session: aiohttp.ClientSession) -> None:
        try:
            await self._ask(session)
        except aiohttp.ClientResponseError as exc:
            has_refused = 400 <= exc.status < 500
            logger.warning("the probe for a token was answered %d %s", exc.status, exc.message)
            at = self._loop.time()
            self._take(ProbeAnswered(at) if has_refused else ProbeFailed(at), session)
        except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
            logger.warning("the probe for a token failed: %s", exc or type(exc).__name__)
            self._take(ProbeFailed(self._loop.time()), session)
        else:
            self._take(ProbeAnswered(self._loop.time()), session)

    def _since_the_epoch(self, at: float) -> float:
        return round(time.time() - (self._loop.time() - at), 1)
