"""The HTTP face: routes, and what every answer has in common."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from slot.simulator.api_documents import DocumentsApi
from slot.simulator.api_messages import MessagesApi
from slot.simulator.api_openai import OpenAiApi
from slot.simulator.api_operations import OperationsApi
from slot.simulator.api_pooling import PoolingApi
from slot.simulator.api_responses import ResponsesApi
from slot.simulator.log_lines import Raw, uvicorn
from slot.simulator.refusals import Refusal
from slot.simulator.replies import json_response
from slot.simulator.serving import Serving
from slot.simulator.shapes import SERVER_ERROR, openai_error

logger = logging.getLogger(__name__)

# `--api-key` guards these and nothing else: /invocations and /tokenize stay open (vLLM 0.32, measured)
_GUARDED = ("/v1", "/v2", "/inference", "/cohere")
_MAX_BODY_BYTES = 1 << 30  # vLLM has no limit


class _Api(Protocol):
    def routes(self) -> list[web.RouteDef]: ...


def build(serving: Serving, say: Callable[[Raw], None]) -> web.Application:
    app = web.Application(middlewares=[_counted(serving), _errors, _guarded(serving)], client_max_size=_MAX_BODY_BYTES)
    for api in _apis(serving):
        app.add_routes(api.routes())
    app.on_response_prepare.append(_headers)
    if serving.options.log_access:
        app.on_response_prepare.append(_access_line(say))
    return app


def _apis(serving: Serving) -> list[_Api]:
    common: list[_Api] = [DocumentsApi(), OperationsApi(serving)]
    if serving.options.pooling:
        return [*common, PoolingApi(serving)]
    return [*common, OpenAiApi(serving), ResponsesApi(serving), MessagesApi(serving)]


def routes_of(app: web.Application) -> list[tuple[str, str]]:
    """(path, method) of every route, as the start log lists them."""
    return [(route.resource.canonical, route.method) for route in app.router.routes() if route.resource is not None]


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as exc:
        return json_response(openai_error(exc.message, exc.type, exc.status, exc.param), exc.status)
    except web.HTTPNotFound:
        if _exists(request.app, request.path.rstrip("/")) and request.path.endswith("/"):
            location = f"http://{request.host}{request.path.rstrip('/')}"
            return web.Response(status=307, headers={"Location": location})
        return json_response({"detail": "Not Found"}, 404)
    except web.HTTPMethodNotAllowed as exc:
        refused = json_response({"detail": "Method Not Allowed"}, 405)
        refused.headers["Allow"] = ", ".join(sorted(exc.allowed_methods))
        return refused
    except web.HTTPException:
        raise
    except Exception:  # a mistake of ours: answered as vLLM answers its own, and logged with its traceback
        logger.exception("%s %s", request.method, request.path)
        return json_response(openai_error("Internal server error", SERVER_ERROR, 500), 500)


def _exists(app: web.Application, path: str) -> bool:
    return any(route.resource is not None and route.resource.canonical == path for route in app.router.routes())


def _guarded(serving: Serving) -> Middleware:
    accepted = {f"Bearer {key}" for key in serving.options.api_keys}

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if accepted and request.path.startswith(_GUARDED) and request.headers.get("Authorization") not in accepted:
            return json_response({"error": "Unauthorized"}, 401)
        return await handler(request)

    return guarded


def _counted(serving: Serving) -> Middleware:
    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        tracked = serving.options.load_tracking and request.method == "POST"
        serving.load += tracked
        try:
            response = await handler(request)
        finally:
            serving.load -= tracked
        resource = request.match_info.route.resource  # None where there is no such path
        handler_name = resource.canonical if resource is not None else "none"
        serving.metrics.http_request(handler_name, request.method, response.status)
        return response

    return counted


async def _headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "uvicorn"
    response.headers["Vary"] = "Origin"
    if (
        not response.body_length
        and "Content-Type" in response.headers
        and response.headers.get("Content-Length") == "0"
    ):
        del response.headers["Content-Type"]  # an empty answer has none


def _access_line(
    say: Callable[[Raw], None],
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    async def access_line(request: web.Request, response: web.StreamResponse) -> None:
        peer = request.transport.get_extra_info("peername") if request.transport else None
        address = f"{peer[0]}:{peer[1]}" if peer else "-"
        say(uvicorn(f'{address} - "{request.method} {request.path_qs} HTTP/1.1" {response.status} {response.reason}'))

    return access_line
