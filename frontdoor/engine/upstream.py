"""Where requests go: the engine of this moment, over its pool."""

from __future__ import annotations

from frontdoor.engine.exchange import Exchange
from frontdoor.engine.pool import Pool


class Upstream:
    """Where requests go now. The engine may move; exchanges under way stay where they are."""

    def __init__(self) -> None:
        self._pool: Pool | None = None

    def idle(self, url: str) -> Exchange | None:
        """A connection that can be used at once, or None: then one has to be made, by `connect`."""
        pool = self._pool
        return pool.idle() if pool is not None and pool.url == url else None

    async def connect(self, url: str) -> Exchange:
        """A new connection. Raises UpstreamLost: UNREACHABLE."""
        pool = self._pool
        if pool is None or pool.url != url:
            self.close()
            pool = self._pool = Pool(url)
        return await pool.connect()

    def close_unused(self, now: float) -> None:
        """Closes what has waited too long for a request; `now` is of time.monotonic()."""
        if self._pool is not None:
            self._pool.close_unused(now)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
