"""Asks an engine that has no supervisor how it is: `GET /health` and `GET /v1/models`."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import aiohttp
import msgspec

from frontdoor.availability import Backend, BackendState, judge_answers
from slot.bad_json import BAD_JSON

TIMEOUT_S = 2.0
PAUSE_READY_S = 2.0
PAUSE_NOT_READY_S = 0.5
MAX_ANSWER_BYTES = 4 << 20


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class BackendProbe:
    """Looks with connections of its own, so that a look never waits behind a generation."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def look(self, url: str, before: Backend) -> Backend:
        """One look at the engine at `url`. `since` is kept while the state stays the same."""
        health, _ = await self._get(url + "/health")
        models, text = await self._get(url + "/v1/models")
        ids = _ids(text) if models == 200 else []
        state = judge_answers(health, models, ids)
        since = before.since if (before.state, before.url) == (state, url) and before.since else time.time()
        return Backend(state, url, ids[0] if ids else None, since, is_alone=len(ids) == 1)

    def pause_s(self, backend: Backend) -> float:
        """How long to wait before the next look."""
        return PAUSE_READY_S if backend.state is BackendState.SERVING else PAUSE_NOT_READY_S

    async def _get(self, url: str) -> tuple[int | None, bytes]:
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                return response.status, await response.content.read(MAX_ANSWER_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None, b""


def _ids(text: bytes) -> list[str]:
    try:
        return [model.id for model in msgspec.json.decode(text, type=_Models).data]
    except BAD_JSON:
        return []
