"""One request on its connection: the head, the body as it arrives, and who wants to know when the client leaves.

The connection fills it, the relay reads it. Whoever wants the body asks for it and is told, in the same run of the loop
in which its last byte came. One that nobody has asked for yet is taken in only up to `held_back_at` bytes, so that a
line of large uploads cannot take all the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from frontdoor.http.head import Head
from frontdoor.refusal import Refusal, Refused, too_large

HELD_BACK_BYTES = 256 << 10
SMALL_PIECE_BYTES = 4096


class Request:
    """`is_complete`: its last byte has arrived. `expects_continue`: the client waits for a word before it sends."""

    __slots__ = (
        "_failure",
        "_limit_bytes",
        "_pieces",
        "_tell",
        "content_length",
        "expects_continue",
        "has_body",
        "head",
        "held_back_at",
        "is_complete",
        "last_piece",
        "on_left",
        "reading_since",
        "size",
    )

    def __init__(self, head: Head) -> None:
        self.head = head
        declared = head.get(b"content-length")
        # llhttp has refused a length that is no number, and one beside a Transfer-Encoding; `head_check` one too long
        self.content_length = int(declared) if declared is not None and len(declared) < 19 else None
        self.has_body = (declared is not None and self.content_length != 0) or head.get(
            b"transfer-encoding"
        ) is not None
        self.expects_continue = (
            self.has_body and head.minor == 1 and (head.get(b"expect") or b"").lower() == b"100-continue"
        )
        self.is_complete = False
        self.size = 0
        self.held_back_at = HELD_BACK_BYTES
        # of time.monotonic(); None while nobody waits for the body
        self.reading_since: float | None = None
        self.last_piece = 0.0
        self.on_left: Callable[[], None] | None = None
        self._limit_bytes: int | None = None
        self._pieces: list[bytes | bytearray] = []
        # who has asked for the body
        self._tell: Callable[[], None] | None = None
        self._failure: Refusal | None = None

    @property
    def has_failed(self) -> bool:
        """Something is wrong with its body, and nothing behind it can be read."""
        return self._failure is not None

    def ask(self, limit_bytes: int, tell: Callable[[], None]) -> None:
        """Asks for the body. `tell` is called once, when `body` can be: now, or when the last byte has arrived, or when
        it is clear that it never will. Nobody is told when the client leaves: that is `on_left`.
        """
        self._limit_bytes = limit_bytes
        if self.size > limit_bytes:
            self._failure = too_large(limit_bytes)
        if self.is_complete or self._failure is not None:
            tell()
        else:
            self._tell = tell
            self.reading_since = self.last_piece = monotonic()

    def body(self) -> bytes:
        """The whole body, once. Raises Refused: over the limit, malformed, or too slow."""
        if self._failure is not None:
            raise Refused(self._failure)
        pieces, self._pieces = self._pieces, []
        return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)

    def take(self, piece: bytes) -> None:
        """The connection has read a piece of the body."""
        self.size += len(piece)
        if self._pieces:
            self._keep(piece)
        else:
            self._pieces.append(piece)
        self.last_piece = monotonic()
        if self._limit_bytes is not None and self.size > self._limit_bytes:
            self.fail(too_large(self._limit_bytes))

    def complete(self) -> None:
        self.is_complete = True
        self._tell_asker()

    def fail(self, refusal: Refusal) -> None:
        """What is wrong with the body; whoever reads it gets it as Refused."""
        self._failure = refusal
        self._pieces.clear()
        self._tell_asker()

    def left(self) -> None:
        """The client is gone; said once."""
        self.forget()
        tell, self.on_left = self.on_left, None
        if tell is not None:
            tell()

    def forget(self) -> None:
        """Nobody wants the body any more."""
        self._tell = self.reading_since = None

    def _keep(self, piece: bytes) -> None:
        """Small pieces are kept together: each by itself would cost 40 bytes more than it has (chunks of 2 bytes)."""
        last = self._pieces[-1]
        if len(piece) >= SMALL_PIECE_BYTES:
            self._pieces.append(piece)
        elif isinstance(last, bytearray):
            last += piece
        else:
            self._pieces.append(bytearray(piece))

    def _tell_asker(self) -> None:
        tell = self._tell
        if tell is not None:
            self.forget()
            tell()
