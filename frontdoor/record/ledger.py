"""Keeps the requests that have ended until they are written down: counted, logged, remembered for the next estimate.

Many at a time, at most LATE_S after their end: done for each by itself, right behind its last byte, it was a fifth of
the CPU of a short stream, because nothing of it is in the processor's caches then and every line is a system call.
Whoever shows what is written down settles first, so that nobody sees less than has happened.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from frontdoor.record.call import Call

LATE_S = 0.2
MOST = 128

logger = logging.getLogger(__name__)


class Ledger:
    """`write_down` takes a request that has ended, and the profile under which it did."""

    def __init__(self, write_down: Callable[[Call, str], None]) -> None:
        self._write_down = write_down
        self._ended: list[tuple[Call, str]] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, call: Call, profile: str) -> None:
        """One more that has ended; nothing of it changes any more."""
        self._ended.append((call, profile))
        if len(self._ended) >= MOST:
            self.settle()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LATE_S, self.settle)

    def settle(self) -> None:
        """Writes all of them down, in the order in which they ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ended, self._ended = self._ended, []
        for call, profile in ended:
            try:
                self._write_down(call, profile)
            except Exception:  # one request's bug must not cost the others their lines
                logger.exception("%s: cannot be written down", call.request_id)
