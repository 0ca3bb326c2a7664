"""FastAPI's own pages: the list of routes as OpenAPI, and the pages that show it."""

from __future__ import annotations

from aiohttp import web

from slot.simulator.replies import json_response
from slot.simulator.serving import VERSION

_PAGES = ("/docs", "/docs/oauth2-redirect", "/redoc")
_HTML = "<!DOCTYPE html><html><head><title>FastAPI - Simulated vLLM</title></head><body>/openapi.json</body></html>"


class DocumentsApi:
    def routes(self) -> list[web.RouteDef]:
        return [web.get("/openapi.json", self.openapi), *(web.get(path, self.page) for path in _PAGES)]

    async def openapi(self, request: web.Request) -> web.Response:
        paths: dict[str, dict[str, object]] = {}
        for route in request.app.router.routes():
            if route.resource is not None and route.resource.canonical not in (*_PAGES, "/openapi.json"):
                paths.setdefault(route.resource.canonical, {})[route.method.lower()] = {"responses": {}}
        info = {"title": "FastAPI", "version": VERSION}
        return json_response({"openapi": "3.1.0", "info": info, "paths": paths})

    async def page(self, request: web.Request) -> web.Response:
        return web.Response(text=_HTML, content_type="text/html")
