"""Small answers: JSON in one piece, and routes that FastAPI and aiohttp see differently."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from slot.simulator.sse import encode


def json_response(payload: object, status: int = 200) -> web.Response:
    return web.Response(body=encode(payload), status=status, content_type="application/json")


def get(path: str, handler: Handler) -> web.RouteDef:
    """A GET route of FastAPI's kind, which has no HEAD."""
    return web.get(path, handler, allow_head=False)
