"""What the watch goes on through: a page of metrics with nothing in it, as while an exporter starts again."""

from __future__ import annotations

import asyncio

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from slot.pulse.heart import Declare
from slot.pulse.watcher import Watcher

PAGE = "vllm:num_requests_running 0\nvllm:generation_tokens_total {}\n"


async def nobody(session: ClientSession) -> None:
    raise AssertionError("it is well, and nobody asks it for a token")


async def test_an_empty_page_does_not_end_the_watch() -> None:
    seen: list[int] = []
    went_on = asyncio.Event()

    async def metrics(request: web.Request) -> web.Response:
        seen.append(len(seen))
        if len(seen) == 4:
            went_on.set()
        return web.Response(text="" if len(seen) == 2 else PAGE.format(len(seen)))

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    declared: list[Declare] = []
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        watcher = Watcher(url, allowance_s=2.0, ask=nobody, tell=declared.append)
        watcher.start()
        try:
            await asyncio.wait_for(went_on.wait(), 20)
        finally:
            await watcher.stop()
    assert declared == []
