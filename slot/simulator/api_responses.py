"""OpenAI's `/v1/responses`. Nothing is kept, so no response can be fetched or cancelled later (vLLM's default)."""

from __future__ import annotations

import secrets

from aiohttp import web

from slot.simulator import asks
from slot.simulator.answer import answer
from slot.simulator.api_openai import body_of
from slot.simulator.refusals import Refusal
from slot.simulator.replies import get
from slot.simulator.responses_shape import ResponseShape
from slot.simulator.serving import Serving


class ResponsesApi:
    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/responses", self.respond),
            get("/v1/responses/{response_id}", self.unknown),
            web.post("/v1/responses/{response_id}/cancel", self.unknown),
        ]

    async def respond(self, request: web.Request) -> web.StreamResponse:
        ask = asks.response(await body_of(request), self._serving.served)
        header = self._serving.header(request, ask, "resp", joint="_")
        shape = ResponseShape(header, ask, message_id=f"msg_{secrets.token_hex(8)}")
        return await answer(request, self._serving, ask, shape)

    async def unknown(self, request: web.Request) -> web.StreamResponse:
        asked = request.match_info["response_id"]
        raise Refusal(404, f"Response with id '{asked}' not found.", "invalid_request_error", "response_id")
