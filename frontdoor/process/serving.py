"""The frontdoor with its sockets: what is opened, in which order, who accepts, and how all of it is closed again."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

from frontdoor.access import api_keys_file, tls
from frontdoor.app import Frontdoor
from frontdoor.bad_settings import BadSettings
from frontdoor.engine.upstream import Upstream
from frontdoor.http.connection import Connection
from frontdoor.http.server import Server
from frontdoor.process import listeners
from frontdoor.process.listeners import BACKLOG, Listeners
from frontdoor.process.succession import Held
from frontdoor.record.events import EventLog
from frontdoor.settings import Settings
from frontdoor.watch.slot_watch import SlotWatch, Sources, mark
from slot.profiles.problems import ProfileError
from slot.profiles.profile import Profile

CLOSING_LOOK_S = 0.1  # then idle connections have half a second left
UNSENT_S = 0.005  # how soon to look again at an idle connection whose last bytes are not sent yet


@dataclass
class OpenDoor:
    """A frontdoor whose sockets listen; it serves from `accept` on. A helper runs as long as it does, or has failed."""

    sources: Sources
    frontdoor: Frontdoor
    server: Server
    listeners: Listeners
    secured: ssl.SSLContext | None
    helpers: tuple[asyncio.Task[None], ...]
    _certificate: object = None
    _accepting: list[asyncio.Server] = field(default_factory=list)
    # each is away as soon as it is done
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def settings(self) -> Settings:
        return self.frontdoor.watch.settings

    async def accept(self) -> None:
        """Takes clients from now on."""
        loop = asyncio.get_running_loop()
        for each in self.listeners.http:
            accepting = await loop.create_server(
                self.server.connection,
                sock=each.dup(),
                backlog=BACKLOG,
                ssl=self.secured,
                # part of taking a head; no connection is counted before it
                ssl_handshake_timeout=self.settings.head_timeout_s if self.secured is not None else None,
            )
            self._accepting.append(accepting)
            # It returns when every client of this server has left, also those whose TLS handshake is not over; but only
            # who waits from the beginning is told.
            self._leave_after(loop.create_task(accepting.wait_closed(), name="until clients have left"))
        await asyncio.sleep(0)  # so that they wait

    def stop_accepting(self) -> None:
        """Takes nobody new: who comes waits in the line of the kernel."""
        while self._accepting:
            self._accepting.pop().close()

    def close_listeners(self) -> None:
        """Who comes is refused, unless somebody else holds the sockets too."""
        self.listeners.close()

    def take(self, client: socket.socket) -> None:
        """Serves a connection that another process has accepted."""
        self._leave_after(asyncio.create_task(self._attach(client), name="take a connection"))

    def hand_on_idle(self, give: Callable[[socket.socket], None]) -> None:
        """Gives every idle connection to `give`, now and whenever one becomes idle. TLS cannot be handed on."""
        if self.secured is not None:
            return

        def soon(connection: Connection) -> None:
            # it is in the middle of reading: what has arrived with the last request is looked at first
            asyncio.get_running_loop().call_soon(self._hand_on, connection, give)

        self.server.on_idle = soon
        for connection in list(self.server.connections):
            self._hand_on(connection, give)

    def set_aside(self, held: Held) -> None:
        """Has so much of the limits counted as taken by another process at the same engine."""
        self.frontdoor.gate.set_aside(held.generations, held.tokens)
        self.frontdoor.pooling.set_aside(held.pooling, 0)

    async def empty(self) -> None:
        """Returns when every client has left, and nothing is done for any of them any more."""
        while self._leaving or self.server.connections:  # what is taken meanwhile counts too
            await asyncio.gather(*self._leaving)
            await self.server.all_left()
        await self.frontdoor.idle()

    def reload(self) -> Sequence[str]:
        """Reads profile, settings, keys and certificate again; what cannot be used stays, and is told a line each."""
        problems: list[str] = []
        for read in (self.frontdoor.watch.reload, self._reload_keys, self._reload_certificate):
            try:
                read()
            except (ProfileError, BadSettings, OSError) as exc:
                self.frontdoor.watch.tell_unusable(exc)
                problems += str(exc).splitlines()
        return problems

    async def close(self) -> None:
        for each in (*self.helpers, *self._leaving):
            each.cancel()
        await asyncio.gather(*self.helpers, *self._leaving, return_exceptions=True)
        self.stop_accepting()
        await self.frontdoor.cut_rest()
        self.server.abort()
        self.frontdoor.upstream.close()
        self.listeners.close()

    def _leave_after(self, task: asyncio.Task[None]) -> None:
        """Nobody has left before it is done."""
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _hand_on(self, connection: Connection, give: Callable[[socket.socket], None]) -> None:
        client = connection.detach()
        if client is not None:
            give(client)
        elif connection.is_idle:
            asyncio.get_running_loop().call_later(UNSENT_S, self._hand_on, connection, give)

    def _reload_keys(self) -> None:
        keys = api_keys_file.load(self.settings.api_keys_file, self.sources.environment)
        if keys != self.frontdoor.keys:
            self.frontdoor.set_keys(keys)
            self.frontdoor.watch.tell_reloaded("api_keys")

    def _reload_certificate(self) -> None:
        certificate = self.settings.tls_certificate
        if (certificate is None) != (self.secured is None):
            raise BadSettings([f"{tls.CERTIFICATE}: whether TLS is spoken changes with the next start, not now"])
        if self.secured is not None and certificate is not None:
            tls.reload(self.secured, certificate, self.settings.tls_private_key)
            if marks(self.settings) != self._certificate:
                self._certificate = marks(self.settings)
                self.frontdoor.watch.tell_reloaded("certificate")

    async def _attach(self, client: socket.socket) -> None:
        client.setblocking(False)
        with suppress(OSError):  # its client has left
            await asyncio.get_running_loop().connect_accepted_socket(self.server.connection, client)


async def _look_after(frontdoor: Frontdoor) -> None:
    """Until cancelled: looks now and then at all that others decide, and at all that may take too long.

    It is one for everything, because what costs is to wake up: some 0.1 ms, as much as ten events.
    """
    while True:
        frontdoor.watch.look()
        frontdoor.look(monotonic())
        await asyncio.sleep(CLOSING_LOOK_S if frontdoor.server.is_closing else frontdoor.watch.settings.look_s)


def marks(settings: Settings) -> list[object]:
    """What tells one certificate and key from another, without reading them."""
    return [mark(path) for path in (settings.tls_certificate, settings.tls_private_key) if path is not None]


@asynccontextmanager
async def opened(
    sources: Sources, settings: Settings, profile: Profile | None, events: EventLog, sockets: Listeners
) -> AsyncIterator[OpenDoor]:
    """Ready for `accept` on `sockets`; leaving it closes everything, whatever is still open. Raises BadSettings."""
    with ExitStack() as on_error:
        on_error.callback(sockets.close)
        keys = api_keys_file.load(settings.api_keys_file, sources.environment)
        secured = tls.context(settings.tls_certificate, settings.tls_private_key)
        watch = SlotWatch(sources, settings, profile, events)
        watch.look()
        server = Server(settings.connection_limits)
        frontdoor = Frontdoor(watch, Upstream(), server, events)
        frontdoor.set_keys(keys)
        frontdoor.address = sockets.address
        on_error.pop_all()
    helpers = [asyncio.create_task(_look_after(frontdoor), name="look after what is open")]
    if not watch.follows_slot:
        helpers.append(asyncio.create_task(watch.ask_backend(), name="ask the engine"))
    door = OpenDoor(sources, frontdoor, server, sockets, secured, tuple(helpers), marks(settings))
    try:
        yield door
    finally:
        await door.close()


@asynccontextmanager
async def listening(
    sources: Sources, settings: Settings, profile: Profile | None, events: EventLog
) -> AsyncIterator[OpenDoor]:
    """Serves on the settings' address. Raises OSError, BadSettings."""
    async with opened(sources, settings, profile, events, listeners.bind(settings.host, settings.port)) as door:
        await door.accept()
        yield door
