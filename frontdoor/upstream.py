"""The engine's side of a request: one exchange over a pooled connection, bytes as they came.

An exchange is sent once. There is no retry: a generation that was sent may be running, and a second one would take a
second place for the same answer. There is no limit on its whole duration either, only on the connect and on silence.

`Upstream.send` yields an `Answer` when the engine's head is there; `Answer.arrival()` returns the next bytes, and b""
only when the body ended as its framing promised. Everything else raises UpstreamLost with its kind. Leaving the
context before the end closes the connection, which is how an engine learns that nobody wants the answer any more.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum

import aiohttp
from multidict import CIMultiDict, MultiMapping
from yarl import URL

CONNECT_TIMEOUT_S = 2.0
# Under uvicorn's 5 s (vLLM's default): a pooled connection must not be closed by the engine while a request goes out.
KEEP_ALIVE_S = 3.0
MAX_HEADER_BYTES = 64 << 10
LARGE_BODY_BYTES = 1 << 20


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
    """The engine's answer: its head, and its body as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers: MultiMapping[str] = response.headers
        self.content_length = response.content_length
        self.media_type = response.content_type
        self._read = response.content.readany

    async def arrival(self) -> bytes:
        """What has arrived since the last call, or b"" at the proper end of the body. Raises UpstreamLost."""
        try:
            return await self._read()
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise _lost(exc) from exc


class Upstream:
    """Pooled connections to the engine."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )

    async def close(self) -> None:
        await self._session.close()

    @asynccontextmanager
    async def send(
        self, method: str, url: str, headers: CIMultiDict[str], body: bytes, *, idle_timeout_s: float
    ) -> AsyncIterator[Answer]:
        """One exchange; after `idle_timeout_s` of silence it is given up. Raises UpstreamLost."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=idle_timeout_s)
        try:
            response = await self._session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=_payload(body),
                timeout=timeout,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise _lost(exc) from exc
        try:
            yield Answer(response)
        finally:
            # at the end of the body the connection went back to the pool by itself, and this does nothing
            response.close()


def _payload(body: bytes) -> bytes | io.BytesIO | None:
    """What aiohttp writes in one go, or in pieces so that a large body does not hold up everybody else."""
    return io.BytesIO(body) if len(body) > LARGE_BODY_BYTES else body or None


def _lost(exc: Exception) -> UpstreamLost:
    if isinstance(exc, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return UpstreamLost(Loss.UNREACHABLE, str(exc))
    if isinstance(exc, TimeoutError):
        return UpstreamLost(Loss.TIMEOUT, str(exc))
    if isinstance(exc, aiohttp.ClientResponseError | aiohttp.InvalidURL):
        return UpstreamLost(Loss.PROTOCOL, str(exc))
    return UpstreamLost(Loss.DISCONNECTED, str(exc))
