"""What this process still has of each limit while its successor serves beside it: `succession`'s arithmetic at work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from frontdoor.admission.gate import Gate
from frontdoor.app import Frontdoor
from frontdoor.http.connection import Reading
from frontdoor.process.succession import Held, Use, first_share, next_share, taken_by_successor
from frontdoor.settings import Settings

SETTLED_S = 1.0  # by then whoever was idle and could not be handed on has been closed
MANY = 1 << 30


class Shares:
    """Divides when it is made, and gives up whatever is no longer needed, until `undo`. `tell` gets each new share.

    `strangers_s`: for so long there may be accepted clients that nobody can count, in the middle of a TLS handshake.
    """

    def __init__(self, frontdoor: Frontdoor, tell: Callable[[Held], None], strangers_s: float) -> None:
        self._frontdoor = frontdoor
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._strangers_until = self._loop.time() + strangers_s
        self._settled = self._loop.call_later(strangers_s + SETTLED_S, self.look)
        self.held = Held(*(first_share(use) for use in self._uses()))
        self._keep_to_it()
        for gate in (frontdoor.gate, frontdoor.pooling):
            gate.on_release = self.look
        # the limits that were divided stay: a new profile is for the successor
        self._on_settings, frontdoor.watch.on_settings = frontdoor.watch.on_settings, _later

    def look(self) -> None:
        """Something ended: whether less is enough now."""
        lower = Held(*(next_share(share, use) for share, use in zip(self.held, self._uses(), strict=True)))
        if lower != self.held:
            self.held = lower
            self._keep_to_it()  # first here, then there
            self._tell(lower)

    def undo(self) -> None:
        """There is no successor after all: everything is this process's own again."""
        self._settled.cancel()
        for gate in (self._frontdoor.gate, self._frontdoor.pooling):
            gate.on_release = _nobody
            gate.set_aside(0, 0)
        self._frontdoor.watch.on_settings = self._on_settings
        self._on_settings(self._frontdoor.watch.settings)

    def _keep_to_it(self) -> None:
        generations, pooling, tokens = (
            taken_by_successor(share, use) for share, use in zip(self.held, self._uses(), strict=True)
        )
        self._frontdoor.gate.set_aside(generations, tokens)
        self._frontdoor.pooling.set_aside(pooling, 0)

    def _uses(self) -> tuple[Use, Use, Use]:
        """In the order of `Held`. Whoever may still ask may want all the tokens that are free."""
        frontdoor = self._frontdoor
        asking = sum(connection.reading is Reading.HEAD for connection in frontdoor.server.connections)
        if self._loop.time() < self._strangers_until:
            asking += MANY
        generations, pooling = _use(frontdoor.gate, asking), _use(frontdoor.pooling, asking)
        admission = frontdoor.gate.admission
        limit = admission.limits.kv_tokens or 0
        return (
            generations,
            pooling,
            Use(limit, admission.active_tokens - admission.aside.tokens, limit if generations.asking else 0),
        )


def _use(gate: Gate, asking: int) -> Use:
    admission = gate.admission
    return Use(admission.cap, admission.active - admission.aside.places, asking + admission.waiting)


def _nobody() -> None:
    pass


def _later(settings: Settings) -> None:
    pass
