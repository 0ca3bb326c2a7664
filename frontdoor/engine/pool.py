"""The connections to one engine: those that wait for a request, and the making of new ones."""

from __future__ import annotations

import asyncio
import ssl
from time import monotonic
from urllib.parse import urlsplit

from frontdoor.engine.answer import Loss, UpstreamLost
from frontdoor.engine.exchange import Exchange

CONNECT_TIMEOUT_S = 2.0
# Under uvicorn's 5 s (vLLM's default): a pooled connection must not be closed by the engine while a request goes out.
KEEP_ALIVE_S = 3.0
MAX_IDLE = 256


class Pool:
    """The connections to one engine that wait for a request. `url` is `http://HOST:PORT`, or https."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self._host = parts.hostname or ""
        self._ssl = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._ssl else 80)
        self.host_header = parts.netloc.encode()
        self._idle: dict[Exchange, None] = {}
        self._is_closed = False

    @property
    def has_room(self) -> bool:
        return len(self._idle) < MAX_IDLE and not self._is_closed

    def idle(self) -> Exchange | None:
        """The connection that was used last, if it can be used again."""
        while self._idle:
            exchange, _ = self._idle.popitem()
            if exchange.is_idle and monotonic() - exchange.heard < KEEP_ALIVE_S:
                return exchange
            exchange.close_idle()
        return None

    async def connect(self) -> Exchange:
        """A new connection. Raises UpstreamLost: UNREACHABLE."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, made = await asyncio.get_running_loop().create_connection(
                    lambda: Exchange(self), self._host, self._port, ssl=self._ssl
                )
        except (OSError, TimeoutError) as exc:
            raise UpstreamLost(Loss.UNREACHABLE, str(exc) or "no answer to the connect") from exc
        return made

    def take_back(self, exchange: Exchange) -> None:
        self._idle[exchange] = None

    def forget(self, exchange: Exchange) -> None:
        self._idle.pop(exchange, None)

    def close_unused(self, now: float) -> None:
        for exchange in [exchange for exchange in self._idle if now - exchange.heard >= KEEP_ALIVE_S]:
            exchange.close_idle()

    def close(self) -> None:
        """Nothing comes back here any more; exchanges under way end by themselves."""
        self._is_closed = True
        for exchange in list(self._idle):
            exchange.close_idle()
