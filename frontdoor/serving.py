"""The frontdoor while it listens: what is opened, in which order, and how all of it is closed again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from frontdoor.app import Frontdoor
from frontdoor.events import EventLog
from frontdoor.http_server import HttpServer
from frontdoor.settings import Settings
from frontdoor.slot_watch import SlotWatch, Sources
from frontdoor.upstream import Upstream
from slot.profiles.profile import Profile

BACKLOG = 1024


@dataclass(frozen=True)
class OpenDoor:
    """A listening frontdoor. `helpers` run as long as it does: one that ends has failed."""

    frontdoor: Frontdoor
    server: HttpServer
    site: web.TCPSite
    helpers: tuple[asyncio.Task[None], ...]

    async def stop_listening(self) -> None:
        """No new connections; idle ones are closed, busy ones after their answer."""
        await self.site.stop()
        self.server.pre_shutdown()


@asynccontextmanager
async def listening(
    sources: Sources, settings: Settings, profile: Profile | None, events: EventLog
) -> AsyncIterator[OpenDoor]:
    """Listens on the settings' address; leaving it closes everything, whatever is still open. Raises OSError."""
    watch = SlotWatch(sources, settings, profile, events)
    watch.look()
    upstream = Upstream()
    frontdoor = Frontdoor(watch, upstream, events)
    server = HttpServer(frontdoor.handle)
    runner = web.ServerRunner(server, shutdown_timeout=1.0)
    await runner.setup()
    helpers: tuple[asyncio.Task[None], ...] = ()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, backlog=BACKLOG)
        await site.start()
        frontdoor.address = (settings.host, site.port)
        helpers = (
            asyncio.create_task(watch.follow(), name="follow the slot"),
            asyncio.create_task(frontdoor.sweep(), name="sweep"),
        )
        yield OpenDoor(frontdoor, server, site, helpers)
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        await runner.cleanup()
        await upstream.close()
