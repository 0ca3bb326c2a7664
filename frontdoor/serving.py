"""The frontdoor while it listens: what is opened, in which order, and how all of it is closed again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from frontdoor import api_keys_file, tls
from frontdoor.app import Frontdoor
from frontdoor.events import EventLog
from frontdoor.server import Server
from frontdoor.settings import Settings
from frontdoor.slot_watch import SlotWatch, Sources
from frontdoor.upstream import Upstream
from slot.profiles.profile import Profile

BACKLOG = 1024


@dataclass(frozen=True)
class OpenDoor:
    """A listening frontdoor. `helpers` run as long as it does: one that ends has failed."""

    frontdoor: Frontdoor
    server: Server
    listener: asyncio.Server
    helpers: tuple[asyncio.Task[None], ...]

    async def stop_listening(self) -> None:
        """No new connections; idle ones are closed, busy ones after their answer."""
        self.listener.close()
        self.server.start_closing()
        self.server.close_idle()


@asynccontextmanager
async def listening(
    sources: Sources, settings: Settings, profile: Profile | None, events: EventLog
) -> AsyncIterator[OpenDoor]:
    """Listens on the settings' address; leaving it closes everything, whatever is still open. Raises OSError,
    BadSettings.
    """
    keys = api_keys_file.load(settings.api_keys_file, sources.environment)
    secured = tls.context(settings.tls_certificate, settings.tls_private_key)
    watch = SlotWatch(sources, settings, profile, events)
    watch.look()
    upstream = Upstream()
    server = Server(settings.connection_limits)
    frontdoor = Frontdoor(watch, upstream, server, events)
    frontdoor.set_keys(keys)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(
        server.connection, settings.host, settings.port, backlog=BACKLOG, reuse_address=True, ssl=secured
    )
    helpers: tuple[asyncio.Task[None], ...] = ()
    try:
        frontdoor.address = (settings.host, _port(listener.sockets[0]))
        helpers = (
            asyncio.create_task(watch.follow(), name="follow the slot"),
            asyncio.create_task(server.look(), name="look after connections"),
            asyncio.create_task(frontdoor.look(), name="look after exchanges"),
        )
        yield OpenDoor(frontdoor, server, listener, helpers)
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        listener.close()
        await frontdoor.cut_rest()
        server.abort()
        upstream.close()


def _port(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])
