"""The frontdoor's control socket, as `slotctl` needs it: pause, drain with a live count, resume, and how it is.

The words are those of `frontdoor/admin/commands.py`; `slot` imports nothing of the frontdoor, so a contract test
compares them. Every line of an answer is waited for with a limit: a door that hangs, or drips, must not hold anybody
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


class MayNotAsk(NobodyThere):
    """This user may not write to the socket: whether anybody listens there, nobody knows."""


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
    """A running frontdoor. `patience_s`: for each line of an answer. Every method raises NobodyThere and NotDone."""

    socket_path: Path
    patience_s: float = PATIENCE_S

    def status(self) -> dict[str, Any]:
        """The body of `GET /status`."""
        status = self._last({"verb": "status"}).get("status")
        if not isinstance(status, dict) or not isinstance(status.get("frontdoor"), dict):
            raise NobodyThere(f"{self.socket_path}: what answers there is no frontdoor (it tells no status)")
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
                connection.settimeout(self.patience_s)
                connection.connect(os.fspath(self.socket_path))
                connection.sendall(json.dumps(command).encode() + b"\n")
                for line in _lines(connection, self.patience_s):
                    answer = json.loads(line)
                    if answer["reply"] == Reply.ERROR:
                        raise NotDone(str(answer["message"]))
                    yield answer
                    if answer["reply"] != Reply.PROGRESS:
                        return
        except PermissionError as exc:
            words = "this user may not command it: root and the operators' group may"
            raise MayNotAsk(f"{self.socket_path}: {words}") from exc
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise NobodyThere(f"{self.socket_path}: {_why(exc, self.patience_s)}") from exc
        raise NobodyThere(f"{self.socket_path}: the frontdoor ended before it had answered")


def _lines(connection: socket.socket, patience_s: float) -> Iterator[bytes]:
    """Each line as soon as it is whole. One that is not within `patience_s` raises TimeoutError, however it drips."""
    waiting = b""
    while True:
        until = time.monotonic() + patience_s
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


def _why(exc: Exception, patience_s: float) -> str:
    match exc:
        case FileNotFoundError() | ConnectionRefusedError():
            return "no frontdoor listens there"
        case TimeoutError():
            return f"no whole line was answered for {patience_s:g} s"
        case OSError():
            return exc.strerror or str(exc)
        case _:
            return f"what answers there is no frontdoor ({exc})"
