"""What an exchange with the engine gives, and to whom: the head of an answer, its body piece by piece, or a loss.

    Receiver   waits for the head, and names the carrier of the body; or hears that there will be none
    Carrier    takes the body as it arrives, then its end or its loss

Nothing here touches a socket: `exchange` tells, whoever asked listens.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from frontdoor.http.head import Fields


class Loss(StrEnum):
    """How an exchange was lost; the label of the metric."""

    UNREACHABLE = "unreachable"  # nothing was sent
    DISCONNECTED = "disconnected"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"


class UpstreamLost(Exception):
    def __init__(self, loss: Loss, detail: str) -> None:
        super().__init__(detail)
        self.loss = loss


class Answer:
    """The head of the engine's answer: status, fields (names in lower case), the length of the body if it is told."""

    __slots__ = ("content_encoding", "content_length", "fields", "media_type", "status")

    def __init__(self, status: int, fields: Fields) -> None:
        self.status = status
        self.fields = fields
        self.content_length: int | None = None
        self.content_encoding: bytes | None = None
        self.media_type = b""
        for name, value in fields:
            if name == b"content-length":
                self.content_length = int(value)
            elif name == b"content-type":
                self.media_type = value.partition(b";")[0].strip().lower()
            elif name == b"content-encoding":
                self.content_encoding = value.lower()


class Carrier(Protocol):
    """Who takes the body of an answer: `arrived` for every arrival of it, with b"" where the head came alone; then one
    of the last two, once. What came with the end comes with `ended`. `now` is of time.monotonic().

    `takes` is asked before `arrived` about a chunk that came alone, as it came; its content is chunk[start:-2]. False:
    nothing has been done with it.
    """

    def takes(self, chunk: bytes, start: int, now: float) -> bool: ...

    def arrived(self, data: bytes, now: float) -> None: ...

    def ended(self, data: bytes, now: float) -> None: ...

    def lost(self, lost: UpstreamLost) -> None: ...


class Receiver(Protocol):
    """Who waits for an answer: gets its head, and says who carries the body; or hears that there will be none."""

    def began(self, answer: Answer) -> Carrier: ...

    def lost(self, lost: UpstreamLost) -> None: ...
