"""The frontdoor's control socket, as a switch needs it: pause, drain with a live count, resume, and how it is.

The words are those of `frontdoor/admin/commands.py`; `slot` imports nothing of the frontdoor, so a contract test
compares them. Every line of an answer is waited for with a limit: a door that hangs, or drips, must not hold a switch
for ever.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

PATIENCE_S = 10.0  # a drain says something every second
MAX_REASON = 200
MOST_BYTES = 1024 * 1024
SWITCHING = "switching to "  # how every reason of ours begins


class Reply(StrEnum):
    PROGRESS = "progress"
    DONE = "done"
    TIMEOUT = "timeout"
    RESUMED = "resumed"
    ERROR = "error"


class NobodyThere(Exception):
    """No frontdoor answers at the socket; the words say why."""


class NotDone(Exception):
    """The frontdoor answers, and did not do it; the words are its own."""


@dataclass(frozen=True)
class Left:
    """Who is still being answered. `reply`: whether the drain goes on (`progress`), or how it has ended."""

    reply: Reply
    active: int
    waiting: int
    oldest_s: float


@dataclass(frozen=True)
class Door:
    """A running frontdoor. Every method raises NobodyThere and NotDone."""

    socket_path: Path

    def status(self) -> dict[str, Any]:
        """The body of `GET /status`."""
        status: dict[str, Any] = self._last({"verb": "status"})["status"]
        return status

    def pause(self, reason: str) -> None:
        """Generations are refused with 503 and this reason, from now on."""
        self._last({"verb": "pause", "reason": "".join(filter(str.isprintable, reason))[:MAX_REASON]})

    def resume(self) -> None:
        self._last({"verb": "resume"})

    def drain(self, timeout_s: float | None) -> Iterator[Left]:
        """Pauses if nobody has, and tells who is left until nobody is, or the time is over; the last one says which."""
        asked = {} if timeout_s is None else {"timeout_s": max(timeout_s, 0.001)}
        for answer in self._ask({"verb": "drain", **asked}):
            yield Left(Reply(answer["reply"]), answer["active"], answer["waiting"], answer["oldest_s"])

    def _last(self, command: dict[str, object]) -> dict[str, Any]:
        answer = next(self._ask(command))
        if answer["reply"] == Reply.PROGRESS:
            raise NobodyThere(f"{self.socket_path}: what answers there is no frontdoor (progress of {command['verb']})")
        return answer

    def _ask(self, command: dict[str, object]) -> Iterator[dict[str, Any]]:
        """Every line of the answer, as it comes; the last is none of `progress`."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(PATIENCE_S)
                connection.connect(os.fspath(self.socket_path))
                connection.sendall(json.dumps(command).encode() + b"\n")
                for line in _lines(connection):
                    answer = json.loads(line)
                    if answer["reply"] == Reply.ERROR:
                        raise NotDone(str(answer["message"]))
                    yield answer
                    if answer["reply"] != Reply.PROGRESS:
                        return
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise NobodyThere(f"{self.socket_path}: {_why(exc)}") from exc
        raise NobodyThere(f"{self.socket_path}: the frontdoor ended before it had answered")


def _lines(connection: socket.socket) -> Iterator[bytes]:
    """Each line as soon as it is whole. One that is not within PATIENCE_S raises TimeoutError, however it drips."""
    waiting = b""
    while True:
        until = time.monotonic() + PATIENCE_S
        while b"\n" not in waiting:
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            if len(waiting) > MOST_BYTES:
                raise ValueError(f"a line of more than {MOST_BYTES} bytes")
            connection.settimeout(left_s)
            if not (data := connection.recv(65536)):
                return
            waiting += data
        line, _, waiting = waiting.partition(b"\n")
        yield line


def _why(exc: Exception) -> str:
    match exc:
        case FileNotFoundError() | ConnectionRefusedError():
            return "no frontdoor listens there"
        case PermissionError():
            return "this user may not command it: root and the operators' group may"
        case TimeoutError():
            return f"no whole line was answered for {PATIENCE_S:.0f} s"
        case OSError():
            return exc.strerror or str(exc)
        case _:
            return f"what answers there is no frontdoor ({exc})"
