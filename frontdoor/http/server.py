"""The listening side: makes a `Connection` for each client, counts them, and looks after them now and then.

One look now and then over all connections stands in for a timer in each: a thousand idle streams cost a look of
some 0.3 ms, not a thousand timers that are set anew with every event.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import select
import termios
import time
from collections import Counter
from collections.abc import Callable
from sys import byteorder

from frontdoor.http import answer_head
from frontdoor.http.connection import Connection
from frontdoor.http.limits import Limits
from frontdoor.http.request import Request
from frontdoor.refusal import Refusal, too_many_connections

Handler = Callable[[Connection, Request], None]

logger = logging.getLogger(__name__)


class Server:
    """`handler` gets every request, `spoiled` what could not even become one; both answer before they return, or
    see to it that somebody will.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.connections: set[Connection] = set()
        self.refused_connections = 0
        # then every answer is the last on its connection
        self.is_closing = False
        # while it is closing, for each connection on which nothing is asked any more
        self.on_idle: Callable[[Connection], None] = _nobody
        self._linger_s = 0.0
        self._all_left = asyncio.Event()
        self.date = answer_head.date(int(time.time()))
        self.handler: Handler = _unwired
        self.spoiled: Callable[[Connection, Refusal], None] = _unwired
        self._by_address: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<Server {len(self.connections)} of {self.limits.max_connections} connections>"

    def connection(self) -> Connection:
        """A protocol for the next client."""
        return Connection(self)

    def enter(self, connection: Connection) -> Refusal | None:
        """Counts a new connection; why it cannot stay, or None."""
        self.connections.add(connection)
        self._by_address[connection.address] += 1
        limit = self.limits.max_connections_per_address
        if len(self.connections) > self.limits.max_connections:
            self.refused_connections += 1
            return too_many_connections(f"all {self.limits.max_connections} connections are in use")
        if limit is not None and self._by_address[connection.address] > limit:
            self.refused_connections += 1
            return too_many_connections(f"your address has {limit} connections open, its limit here")
        return None

    def leave(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._by_address[connection.address] -= 1
        if not self._by_address[connection.address]:
            del self._by_address[connection.address]
        if not self.connections:
            self._all_left.set()

    def start_closing(self, linger_s: float) -> None:
        """From now on every answer ends its connection, and idle ones are closed by `look` after so many seconds."""
        self.is_closing = True
        self._linger_s = linger_s

    def stop_closing(self) -> None:
        """It goes on after all."""
        self.is_closing = False
        self.on_idle = _nobody

    def idle_s(self, allowed_s: float) -> float:
        """How long a connection may be idle that is allowed so much while nothing ends."""
        return min(allowed_s, self._linger_s) if self.is_closing else allowed_s

    async def all_left(self) -> None:
        """Returns when there is no connection."""
        while self.connections:
            self._all_left.clear()
            await self._all_left.wait()

    def abort(self) -> None:
        """Ends every connection at once."""
        for connection in list(self.connections):
            connection.transport.abort()

    def look(self, now: float) -> None:
        """Ends what takes too long. To be called now and then; `now` is of time.monotonic()."""
        self.date = answer_head.date(int(time.time()))
        for connection in list(self.connections):
            connection.look(now, self.limits)
            if connection.is_held_back and _has_hung_up(connection):
                connection.transport.abort()
            if not connection.is_writable or connection.transport.is_closing():
                self._look_at_reader(connection, now)
            else:
                connection.stalled_since = None

    def _look_at_reader(self, connection: Connection, now: float) -> None:
        """Breaks off a client that has taken nothing for too long; it holds a place, and memory."""
        untaken_before, connection.untaken_bytes = connection.untaken_bytes, _untaken_bytes(connection)
        # a slow client is not writable at every look either, but it takes something in between
        if connection.untaken_bytes != untaken_before or connection.stalled_since is None:
            connection.stalled_since = now
        elif now - connection.stalled_since >= self.limits.write_stall_timeout_s:
            logger.warning("%s reads nothing, connection closed", connection.address)
            connection.transport.abort()


def _untaken_bytes(connection: Connection) -> int:
    """How many bytes wait for the client's host to acknowledge them: as long as this changes, the client reads, for
    nothing is written to one that is not writable.

    The kernel is asked: it holds megabytes of its own, and takes more only when a third of them is free again.
    """
    transport = connection.transport
    socket = transport.get_extra_info("socket")
    if socket is None:  # TLS, and it is closed already
        return connection.untaken_bytes
    unsent = bytearray(4)
    try:
        fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, unsent)
    except (OSError, ValueError):  # its socket is closed already
        return connection.untaken_bytes
    return transport.get_write_buffer_size() + int.from_bytes(unsent, byteorder)


def _nobody(connection: Connection) -> None:
    pass


def _unwired(*_: object) -> None:
    raise RuntimeError("the server has no handler yet")


def _has_hung_up(connection: Connection) -> bool:
    """Whether the client has ended its side, as far as the kernel knows: where nothing is read, nobody else notices."""
    poll = select.poll()
    try:
        poll.register(connection.transport.get_extra_info("socket").fileno(), select.POLLRDHUP)
    except (OSError, ValueError):  # its socket is closed already
        return False
    return bool(poll.poll(0))
