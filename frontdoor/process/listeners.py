"""The sockets that clients connect to: bound here, or open already when we start. Who accepts on them is `serving`'s.

Where the sockets come from, in this order:

1. The process before this one  -> its sockets (`inheritance`)
2. systemd                      -> those of the socket unit; FRONTDOOR_HOST and FRONTDOOR_PORT do not count then
3. Otherwise                    -> bound to the settings' address

The listening sockets are kept apart from the server that accepts on them: it works on duplicates. To stop accepting
is then to close those, while the connections that wait in the kernel's line stay for whoever else holds the socket.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from frontdoor.process.systemd import PassedFd

BACKLOG = 4096  # as in the socket unit; the kernel cuts it to net.core.somaxconn
CONTROL = "control"


class NotListening(ValueError):
    """A socket that was handed in cannot be used: which, what was found, what was expected."""


@dataclass(frozen=True)
class Listeners:
    """Listening TCP sockets; `control`: a listening unix socket that was handed in for the admin's commands."""

    http: tuple[socket.socket, ...]
    control: socket.socket | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where the first one listens."""
        host, port, *_ = self.http[0].getsockname()
        return host, port

    def close(self) -> None:
        for listener in (*self.http, *([self.control] if self.control else [])):
            listener.close()


def bind(host: str, port: int) -> Listeners:
    """Listens on every address of `host`; port 0: on one that is free. Raises OSError."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            listener = socket.socket(family, socket.SOCK_STREAM)
            bound.append(listener)
            _listen(listener, address)
    except OSError:
        Listeners(tuple(bound)).close()
        raise
    return Listeners(tuple(bound))


def _listen(listener: socket.socket, address: object) -> None:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart need not wait for old connections
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # 0.0.0.0 may be bound beside ::
    listener.setblocking(False)
    listener.bind(address)  # type: ignore[arg-type]  # getaddrinfo's own
    listener.listen(BACKLOG)


def take(passed: Sequence[PassedFd]) -> Listeners | None:
    """The sockets that systemd has handed in, or None. Raises NotListening."""
    if not passed:
        return None
    with ExitStack() as on_error:
        named = [(each.name, on_error.enter_context(_adopt(each))) for each in passed]
        found = sort(named)
        on_error.pop_all()
    return found


def sort(named: Sequence[tuple[str, socket.socket]]) -> Listeners:
    """Tells the sockets apart: one on a unix path, or named `control`, is for commands. Raises NotListening."""
    control = [each for name, each in named if _is_control(name, each)]
    http = [each for name, each in named if not _is_control(name, each)]
    if not http or len(control) > 1:
        raise NotListening(
            f"LISTEN_FDS: found {len(http)} for clients and {len(control)} for commands, expected some and at most 1"
        )
    return Listeners(tuple(http), control[0] if control else None)


def _is_control(name: str, listener: socket.socket) -> bool:
    return name == CONTROL or listener.family == socket.AF_UNIX


def _adopt(passed: PassedFd) -> socket.socket:
    try:
        listener = socket.socket(fileno=passed.fd)
    except OSError as exc:
        raise NotListening(f"LISTEN_FDS: fd {passed.fd} ({passed.name}): {exc.strerror or exc}") from exc
    is_listening = listener.type == socket.SOCK_STREAM and listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if not is_listening:
        listener.close()
        raise NotListening(f"LISTEN_FDS: fd {passed.fd} ({passed.name}): found a socket that does not listen")
    listener.setblocking(False)
    listener.set_inheritable(False)
    return listener
