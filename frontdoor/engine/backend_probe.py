"""Asks an engine that has no supervisor how it is: `GET /health` and `GET /v1/models`."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from frontdoor.engine.answer import Answer, Loss, UpstreamLost
from frontdoor.engine.availability import Backend, BackendState, judge_answers
from frontdoor.engine.upstream import Upstream
from slot.bad_json import BAD_JSON

TIMEOUT_S = 2.0
PAUSE_READY_S = 5.0  # who asks it something meanwhile hears the truth from it
PAUSE_NOT_READY_S = 0.5
MAX_ANSWER_BYTES = 4 << 20


class _Model(msgspec.Struct):
    id: str
    max_model_len: Any = None  # vLLM's own: what another engine means by it must not make it look down

    @property
    def length(self) -> int | None:
        told = self.max_model_len
        return told if type(told) is int and told > 0 else None


class _Models(msgspec.Struct):
    data: list[_Model]


class BackendProbe:
    """Looks over connections of its own, so that a look never waits behind a generation."""

    def __init__(self) -> None:
        self._upstream = Upstream()

    def close(self) -> None:
        self._upstream.close()

    async def look(self, url: str, before: Backend) -> Backend:
        """One look at the engine at `url`. `since` is kept while the state stays the same."""
        health, _ = await self._get(url, "/health")
        models, text = await self._get(url, "/v1/models")
        found = _models(text) if models == 200 else []
        state = judge_answers(health, models, [model.id for model in found])
        since = before.since if (before.state, before.url) == (state, url) and before.since else time.time()
        if not found:
            return Backend(state, url, None, since, is_alone=False)
        return Backend(state, url, found[0].id, since, len(found) == 1, found[0].length)

    def pause_s(self, backend: Backend) -> float:
        """How long to wait before the next look."""
        return PAUSE_READY_S if backend.state is BackendState.SERVING else PAUSE_NOT_READY_S

    async def _get(self, url: str, path: str) -> tuple[int | None, bytes]:
        """Status and body, or None where the engine has not answered in time."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                collected = _Collected()
                head = b"GET %b HTTP/1.1\r\naccept: */*\r\n" % path.encode()
                exchange = self._upstream.idle(url) or await self._upstream.connect(url)
                exchange.send(head, b"", collected)
                try:
                    await collected.ended_or_lost
                except BaseException:
                    exchange.abort()
                    raise
        except (UpstreamLost, TimeoutError):
            return None, b""
        return collected.status, b"".join(collected.pieces)


class _Collected:
    """A `Receiver` and `Carrier` that keeps a small body."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.pieces: list[bytes] = []
        self.ended_or_lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._size = 0

    def began(self, answer: Answer) -> _Collected:
        self.status = answer.status
        return self

    def takes(self, chunk: bytes, start: int, now: float) -> bool:
        return False

    def arrived(self, data: bytes, now: float) -> None:
        self._size += len(data)
        if self._size <= MAX_ANSWER_BYTES:
            self.pieces.append(data)

    def ended(self, data: bytes, now: float) -> None:
        self.arrived(data, now)
        self._resolve(None)

    def lost(self, lost: UpstreamLost) -> None:
        self._resolve(lost)

    def _resolve(self, lost: UpstreamLost | None) -> None:
        if self.ended_or_lost.done():
            return
        if lost is None and self._size > MAX_ANSWER_BYTES:
            lost = UpstreamLost(Loss.PROTOCOL, "an answer without end")
        if lost is None:
            self.ended_or_lost.set_result(None)
        else:
            self.ended_or_lost.set_exception(lost)


def _models(text: bytes) -> list[_Model]:
    try:
        return msgspec.json.decode(text, type=_Models).data
    except BAD_JSON:
        return []
