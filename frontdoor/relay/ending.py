"""How an answer ends, whichever way, and what every carrier of one does besides carrying."""

from __future__ import annotations

from collections.abc import Callable

from frontdoor import refusal
from frontdoor.engine.answer import Loss, UpstreamLost
from frontdoor.record.call import Call
from frontdoor.refusal import Refusal, Refused


class Ending:
    """What is done when an answer has ended, whichever way: once, whoever says so first."""

    __slots__ = ("_tell",)

    def __init__(self, tell: Callable[[Refusal | Exception | None], None]) -> None:
        self._tell: Callable[[Refusal | Exception | None], None] | None = tell

    @property
    def is_over(self) -> bool:
        return self._tell is None

    def __call__(self, unsaid: Refusal | Exception | None) -> None:
        """`unsaid`: what the client has not been told yet. An exception is a bug of ours."""
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(unsaid)

    def failed(self, exc: Exception) -> None:
        """It ended by an exception; what a Refused says is what the client is told."""
        self(exc.refusal if isinstance(exc, Refused) else exc)


def refusal_of(lost: UpstreamLost, url: str = "its address") -> Refusal:
    """What a client is told of a lost exchange. `url`: where it was to be made."""
    match lost.loss:
        case Loss.UNREACHABLE:
            return refusal.unreachable(url)
        case Loss.TIMEOUT:
            return refusal.upstream_timeout(str(lost))
        case Loss.PROTOCOL:
            return refusal.upstream_protocol("broke the protocol")
        case Loss.DISCONNECTED:
            return refusal.upstream_disconnected("closed the connection before its answer was complete")


def follow_client(call: Call) -> None:
    """From here on the engine is held back whenever the client reads too slowly."""
    call.connection.on_writable = call.pace
    if not call.connection.is_writable:
        call.pace(False)
