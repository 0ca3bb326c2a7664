"""Where requests go: the engine of this moment, over its pool."""

from __future__ import annotations

from frontdoor.engine.exchange import Exchange, Receiver
from frontdoor.engine.pool import Pool


class Upstream:
    """Where requests go now. The engine may move; exchanges under way stay where they are."""

    def __init__(self) -> None:
        self._pool: Pool | None = None

    async def send(self, url: str, head: bytes, body: bytes, receiver: Receiver) -> Exchange:
        """Sends one request; `head` is complete but for the Host line, `receiver` gets the answer. Raises UpstreamLost:
        nothing was sent, and the receiver hears nothing.
        """
        pool = self._pool
        if pool is None or pool.url != url:
            self.close()
            pool = self._pool = Pool(url)
        exchange = await pool.exchange()
        exchange.send(b"%bhost: %b\r\n\r\n" % (head, pool.host_header), body, receiver)
        return exchange

    def close_unused(self, now: float) -> None:
        """Closes what has waited too long for a request; `now` is of time.monotonic()."""
        if self._pool is not None:
            self._pool.close_unused(now)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
