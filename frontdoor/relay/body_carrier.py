"""How a body passes that is no event stream.

most of them     are collected first, so that a loss or a broken answer is still a clear 502
a very long one  passes as it arrives; a loss breaks the connection, so that it cannot pass for whole
"""

from __future__ import annotations

from collections.abc import Callable

from frontdoor import refusal
from frontdoor.engine.answer import UpstreamLost
from frontdoor.record.call import Call
from frontdoor.relay.ending import Ending, follow_client, refusal_of

COLLECTED_BYTES = 8 << 20


class BodyCarrier:
    """Collects a body, then `finish` answers with it; one that grows over COLLECTED_BYTES is begun instead, by `begin`,
    and passes from there on. `finish` may raise Refused while nothing has been said. `begin` None: the answer is to a
    HEAD, and nothing of a body may pass.
    """

    def __init__(
        self, call: Call, ending: Ending, begin: Callable[[], None] | None, finish: Callable[[bytes], None]
    ) -> None:
        self._call = call
        self._ending = ending
        self._begin = begin
        self._finish = finish
        self._size = 0
        # None: it passes as it arrives
        self._pieces: list[bytes] | None = []

    def takes(self, chunk: bytes, start: int, now: float) -> bool:
        return False

    def arrived(self, data: bytes, now: float) -> None:
        self._call.first_byte = self._call.first_byte or now
        self._size += len(data)
        if self._pieces is None:
            self._call.connection.write(data)
            return
        self._pieces.append(data)
        if self._size <= COLLECTED_BYTES:
            return
        if self._begin is None:
            self._pieces.clear()
            self._call.drop_exchange()
            self._ending(refusal.upstream_protocol(f"answered with more than {COLLECTED_BYTES >> 20} MiB"))
        else:
            pieces, self._pieces = self._pieces, None
            self._begin()
            follow_client(self._call)
            self._call.connection.write(b"".join(pieces))

    def ended(self, data: bytes, now: float) -> None:
        self._call.exchange = None
        if data:
            self.arrived(data, now)
        if self._ending.is_over:
            return
        self._call.release()
        if self._pieces is None:
            self._call.connection.end()
            self._ending(None)
        else:
            self._answer(b"".join(self._pieces))

    def lost(self, lost: UpstreamLost) -> None:
        self._call.exchange = None
        trouble = refusal_of(lost)
        if self._pieces is None:
            self._call.refused(trouble)
            self._call.connection.hang_up()
            self._ending(None)
        else:
            self._ending(trouble)

    def _answer(self, body: bytes) -> None:
        try:
            self._finish(body)
        except Exception as exc:
            self._ending.failed(exc)
        else:
            self._ending(None)
