"""The listening side: aiohttp's low-level server with our limits, and our words for what its parser refuses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from frontdoor import headers
from frontdoor.openai_api import error_body
from frontdoor.refusal import bad_request, internal_error
from frontdoor.routes import Dialect

KEEP_ALIVE_S = 75.0  # also how long a client may take over its first head
LINGER_S = 5.0  # how long an unread body is read and dropped, so that our refusal is not lost to a reset
MAX_LINE_BYTES = 8190
MAX_FIELD_BYTES = 16 << 10

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

logger = logging.getLogger(__name__)


class Connection(web.RequestHandler):
    """One client's connection. Errors below the handler get an answer in the API's own shape."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What aiohttp answers for a request that its parser refused (400), or that our handler failed on."""
        if status < 500:
            first_line = (message or "").partition("\n")[0]
            refusal = bad_request(f"not a valid HTTP request: {first_line[:200]}")
        else:
            logger.error("a request failed below the handler", exc_info=exc)
            refusal = internal_error()
        if request.writer.output_size > 0:
            raise ConnectionResetError("an answer has already begun")
        response = web.Response(
            status=refusal.status,
            body=error_body(refusal, Dialect.OPENAI),
            content_type="application/json",
            headers=headers.ours(headers.request_id(None), None),
        )
        response.force_close()
        return response


class HttpServer(web.Server):
    """Makes a `Connection` for each client."""

    def __init__(self, handler: Handler) -> None:
        # handler_cancellation: a client that leaves must not keep its place (off by default in aiohttp)
        super().__init__(handler, handler_cancellation=True)
        self._options: dict[str, Any] = {
            "access_log": None,
            "auto_decompress": False,  # a small gzip body must not become a large one here
            "keepalive_timeout": KEEP_ALIVE_S,
            "lingering_time": LINGER_S,
            "max_line_size": MAX_LINE_BYTES,
            "max_field_size": MAX_FIELD_BYTES,
        }

    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=asyncio.get_running_loop(), **self._options)
