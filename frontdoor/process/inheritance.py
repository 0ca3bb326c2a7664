"""The new process's side of a succession: takes the sockets, says when it is ready, and learns what is still in use.

    WAITING --Inherit--> PREPARING --Ready said--> READY --Serve--> SERVING --Serving said, BeMain--> MAIN
    WAITING, PREPARING, READY --the old process is gone--> PredecessorGone is raised: this process ends
    SERVING, MAIN             --the old process is gone--> nothing of the cap is taken any more

A process whose predecessor has vanished before it said `Serve` ends, although it could serve: nobody knows of it, and
whoever looks after the service will start another.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from frontdoor.process import listeners
from frontdoor.process.channel import AnyMessage, BeMain, Channel, Connection, Inherit, Ready, Serve, Serving, Share
from frontdoor.process.listeners import Listeners, NotListening
from frontdoor.process.succession import Held


class PredecessorGone(Exception):
    """The process that started this one has ended, or has given it up."""


class Predecessor:
    """The process before this one.

    `on_share` gets what it still has of the cap, nothing once it is gone.
    """

    def __init__(self, fd: int) -> None:
        self.held = Held()
        self.on_share: Callable[[Held], None] = _nobody
        # client connections that were idle there; they wait until this process serves
        self._connections: list[socket.socket] = []
        self._on_connection: Callable[[socket.socket], None] = self._connections.append
        self._listeners: asyncio.Future[Listeners] = asyncio.get_running_loop().create_future()
        self._serve: asyncio.Future[Serve] = asyncio.get_running_loop().create_future()
        self._main = asyncio.Event()
        self._channel = Channel(socket.socket(fileno=fd), self._on_message, self._on_end)

    async def listeners(self) -> Listeners:
        """The listening sockets. Raises PredecessorGone, NotListening."""
        return await self._listeners

    async def may_serve(self) -> Serve:
        """Says that all is ready; returns when the old process accepts no more. Raises PredecessorGone."""
        self._channel.send(Ready())
        return await self._serve

    def serving(self, on_connection: Callable[[socket.socket], None]) -> None:
        """This process accepts now, and `on_connection` takes the client connections that were idle in the old one."""
        self._on_connection = on_connection
        while self._connections:
            on_connection(self._connections.pop())
        self._channel.send(Serving())

    async def main(self) -> None:
        """Returns when systemd knows this process."""
        await self._main.wait()

    def close(self) -> None:
        self._channel.close()
        for promise in (self._listeners, self._serve):
            promise.cancel()
        while self._connections:
            self._connections.pop().close()

    def _on_message(self, message: AnyMessage, sockets: list[socket.socket]) -> None:
        match message:
            case Inherit(names):
                self._inherit(list(zip(names, sockets, strict=True)))
            case Serve(held):
                self._share(held)
                self._serve.set_result(message)
            case Share(held):
                self._share(held)
            case BeMain():
                self._main.set()
            case Connection():
                for client in sockets:
                    self._on_connection(client)

    def _inherit(self, named: list[tuple[str, socket.socket]]) -> None:
        try:
            self._listeners.set_result(listeners.sort(named))
        except NotListening as exc:
            for _, each in named:
                each.close()
            self._listeners.set_exception(exc)

    def _share(self, held: Held) -> None:
        self.held = held
        self.on_share(held)

    def _on_end(self) -> None:
        for promise in (self._listeners, self._serve):
            if not promise.done():
                promise.set_exception(PredecessorGone("the process that started this one is gone"))
                promise.exception()  # whoever asks gets it; that nobody asked is no mistake
        self._share(Held())
        self._main.set()


def _nobody(held: Held) -> None:
    pass
