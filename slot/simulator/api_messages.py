"""Anthropic's `/v1/messages`: answers and refusals in Anthropic's shapes, except where validation refused the body."""

from __future__ import annotations

from aiohttp import web

from slot.simulator import asks, prompts
from slot.simulator.answer import answer
from slot.simulator.api_openai import body_of
from slot.simulator.messages_shape import MessageShape, anthropic_error
from slot.simulator.refusals import VALIDATION, Refusal
from slot.simulator.replies import json_response
from slot.simulator.serving import Serving


class MessagesApi:
    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/messages", self.message),
            web.post("/v1/messages/count_tokens", self.count_tokens),
        ]

    async def message(self, request: web.Request) -> web.StreamResponse:
        try:
            ask = asks.message(await body_of(request), self._serving.served)
            shape = MessageShape(self._serving.header(request, ask, "chatcmpl"))
            return await answer(request, self._serving, ask, shape)
        except Refusal as exc:
            if exc.type == VALIDATION:
                raise
            return json_response(anthropic_error(exc.message, exc.type), exc.status)

    async def count_tokens(self, request: web.Request) -> web.StreamResponse:
        body = await body_of(request)
        messages = asks.messages_of(body)
        count = len(prompts.conversation(messages, self._serving.served))
        return json_response({"input_tokens": count, "context_management": {"original_input_tokens": count}})
