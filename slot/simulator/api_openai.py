"""`/v1/completions`, `/v1/chat/completions`, `/v1/chat/completions/batch` and `/invocations`."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from slot.simulator import asks, tokens
from slot.simulator.answer import answer
from slot.simulator.openai_shapes import ChatShape, CompletionShape
from slot.simulator.refusals import Body, Refusal
from slot.simulator.serving import Serving


class OpenAiApi:
    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/invocations", self.invocations),
            web.post("/v1/chat/completions", self.chat),
            web.post("/v1/chat/completions/batch", self.chat_batch),
            web.post("/v1/completions", self.completion),
        ]

    async def completion(self, request: web.Request) -> web.StreamResponse:
        return await self._completion(request, await body_of(request))

    async def chat(self, request: web.Request) -> web.StreamResponse:
        return await self._chat(request, await body_of(request))

    async def chat_batch(self, request: web.Request) -> web.StreamResponse:
        """Several conversations in one request: one ask with several prompts, never streamed."""
        body = await body_of(request)
        conversations = body.get("messages")
        if not isinstance(conversations, list) or not all(isinstance(one, list) for one in conversations):
            raise Refusal(400, "messages must be a list of conversations", "Bad Request", "body.messages")
        read = [asks.chat({**body, "messages": one, "stream": False}, self._serving.served) for one in conversations]
        if not read:
            raise Refusal(400, "You must pass at least one conversation")
        prompts = tuple(prompt for ask in read for prompt in ask.prompts)
        ask = replace(read[0], prompts=prompts)
        # as in vLLM, cached tokens are not told of here
        header = replace(self._serving.header(request, ask, "chatcmpl"), details=False)
        return await answer(request, self._serving, ask, ChatShape(header, ask, choices=len(prompts) * ask.choices))

    async def invocations(self, request: web.Request) -> web.StreamResponse:
        """SageMaker's one route for everything: the body tells which API is meant."""
        body = await body_of(request)
        return await (self._chat(request, body) if "messages" in body else self._completion(request, body))

    async def _completion(self, request: web.Request, body: Body) -> web.StreamResponse:
        ask = self._serving.with_logprobs_for_nan(asks.completion(body, self._serving.served))
        header = self._serving.header(request, ask, "cmpl")
        prompts = [tokens.decode(prompt) if ask.echo else "" for prompt in ask.prompts]
        return await answer(request, self._serving, ask, CompletionShape(header, ask, prompts=prompts))

    async def _chat(self, request: web.Request, body: Body) -> web.StreamResponse:
        ask = self._serving.with_logprobs_for_nan(asks.chat(body, self._serving.served))
        header = self._serving.header(request, ask, "chatcmpl")
        return await answer(request, self._serving, ask, ChatShape(header, ask, choices=ask.choices))


async def body_of(request: web.Request) -> Body:
    """Raises Refusal."""
    return asks.body_of(await request.read(), request.content_type)
