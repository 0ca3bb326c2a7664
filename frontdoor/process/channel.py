"""Messages between a process of the frontdoor and its successor: each arrives whole, with its open files.

A pair of SEQPACKET sockets keeps messages apart and carries descriptors (SCM_RIGHTS of unix(7)); JSON says what they
are. A successor may be a newer version: what it does not know in a message it passes over. Neither side ever
waits for the other: what does not fit yet is kept here, in order, until it does.

    old process                                    new process
    Inherit (+ listening sockets)  ------------>   reads profile and settings, prepares everything but accepting
                                   <------------   Ready
    stops accepting
    Serve (share, pause, cap)      ------------>   accepts
                                   <------------   Serving
    tells systemd
    BeMain                         ------------>   speaks to systemd from now on
    Share, Connection (+ it) ...   ------------>
    (the end of the file)          ------------>   all of the cap is its own
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from frontdoor.process.succession import Held
from slot.bad_json import BAD_JSON

MAX_MESSAGE_BYTES = 16 << 10
MAX_FILES = 64  # the kernel takes 253
RETRY_S = 0.01

logger = logging.getLogger(__name__)


class Message(msgspec.Struct, tag=str.lower, frozen=True):
    pass


class Inherit(Message, frozen=True):
    """The listening sockets come with it; `names` has one for each, as in LISTEN_FDNAMES."""

    names: tuple[str, ...]


class Ready(Message, frozen=True):
    """Everything is prepared; only accepting is left."""


class Serve(Message, frozen=True):
    """The old process has stopped accepting. What an admin had told it holds for the new one too."""

    held: Held
    paused: str | None = None
    cap: int | None = None


class Serving(Message, frozen=True):
    """It accepts."""


class BeMain(Message, frozen=True):
    """Systemd knows of it now."""


class Share(Message, frozen=True):
    """What the old process still has of the cap."""

    held: Held


class Connection(Message, frozen=True):
    """An idle client connection comes with it."""


AnyMessage = Inherit | Ready | Serve | Serving | BeMain | Share | Connection
_decoder: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)

OnMessage = Callable[[AnyMessage, list[socket.socket]], None]


def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Channel:
    """One end. `on_message` gets each message, with its sockets, which are then its own; `on_end` is called once."""

    def __init__(self, end: socket.socket, on_message: OnMessage, on_end: Callable[[], None]) -> None:
        self._end = end
        self._on_message = on_message
        self._on_end = on_end
        self._unsent: deque[tuple[bytes, Sequence[socket.socket]]] = deque()
        self._sent = asyncio.Event()
        self._is_open = True
        self._loop = asyncio.get_running_loop()
        end.setblocking(False)
        self._loop.add_reader(end, self._read)

    def send(self, message: AnyMessage, sockets: Sequence[socket.socket] = ()) -> None:
        """Sends now or soon. The sockets are closed here once they are sent: give duplicates of what is still used."""
        if not self._is_open:
            _close(sockets)
            return
        self._unsent.append((msgspec.json.encode(message), sockets))
        if len(self._unsent) == 1:
            self._write()

    async def all_sent(self) -> None:
        """Returns when nothing is left to be sent, or when there is nobody left to send it to."""
        self._sent.clear()
        if self._unsent:
            await self._sent.wait()

    def close(self) -> None:
        """What is unsent is lost."""
        if not self._is_open:
            return
        self._is_open = False
        self._loop.remove_reader(self._end)
        self._loop.remove_writer(self._end)
        self._end.close()
        while self._unsent:
            _close(self._unsent.popleft()[1])
        self._sent.set()

    def _write(self) -> None:
        while self._unsent and self._is_open:
            data, sockets = self._unsent[0]
            try:
                socket.send_fds(self._end, [data], [each.fileno() for each in sockets])
            except (BlockingIOError, InterruptedError):
                self._loop.add_writer(self._end, self._write)
                return
            except OSError as exc:
                if exc.errno == errno.ETOOMANYREFS:  # of descriptors on their way; its reader is behind
                    self._loop.call_later(RETRY_S, self._write)
                else:
                    self._ended()
                return
            self._unsent.popleft()
            _close(sockets)
        if self._is_open:
            self._loop.remove_writer(self._end)
        self._sent.set()

    def _read(self) -> None:
        while self._is_open:
            try:
                data, fds, _, _ = socket.recv_fds(self._end, MAX_MESSAGE_BYTES, MAX_FILES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                data, fds = b"", []
            if not data:
                self._ended()
                return
            self._take(data, [_received(fd) for fd in fds])

    def _take(self, data: bytes, sockets: list[socket.socket]) -> None:
        try:
            message = _decoder.decode(data)
        except BAD_JSON as exc:
            logger.error("not understood, from the other process of the frontdoor: %s", exc)
            _close(sockets)
            self._ended()
        else:
            self._on_message(message, sockets)

    def _ended(self) -> None:
        if self._is_open:
            self.close()
            self._on_end()


def _received(fd: int) -> socket.socket:
    os.set_inheritable(fd, False)  # recv_fds takes no notice of its flags (CPython 3.11)
    return socket.socket(fileno=fd)


def _close(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        each.close()
