"""The routes of `--runner pooling`: embeddings, scores and rankings, in vLLM 0.32's shapes.

A prompt is computed by the engine like any other, for one token that nobody sees: it takes its place, its time and its
share of the cache.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

from aiohttp import web

from slot.simulator import asks, tokens, vectors
from slot.simulator.api_openai import body_of
from slot.simulator.asks import Ask
from slot.simulator.engine_loop import EngineDead
from slot.simulator.refusals import Body, Refusal, missing
from slot.simulator.replies import json_response
from slot.simulator.serving import Serving
from slot.simulator.shapes import SERVER_ERROR, Payload

Tokens = Sequence[int]


class PoolingApi:
    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/invocations", self.embed),
            web.post("/v1/embeddings", self.embed),
            web.post("/pooling", self.pool),
            web.post("/v2/embed", self.embed_texts),
            *(web.post(path, self.score) for path in ("/score", "/v1/score")),
            *(web.post(path, self.rerank) for path in ("/rerank", "/v1/rerank", "/v2/rerank")),
        ]

    async def embed(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        found = await self._vectors(body, _inputs(body, "input"))
        in_base64 = body.get("encoding_format") == "base64"
        data: list[Payload] = [
            {"index": index, "object": "embedding", "embedding": vectors.as_base64(vector) if in_base64 else vector}
            for index, vector in enumerate(found)
        ]
        return self._listed("embd", body, data, _inputs(body, "input"))

    async def pool(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        found = await self._vectors(body, _inputs(body, "input"))
        data: list[Payload] = [
            {"index": index, "object": "pooling", "data": vector} for index, vector in enumerate(found)
        ]
        return self._listed("pooling", body, data, _inputs(body, "input"))

    async def embed_texts(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        found = await self._vectors(body, _inputs(body, "texts"))
        return json_response({**self._head("embd", body), "embeddings": {"float": found}})

    async def score(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        (query, *_), documents = _inputs(body, "text_1"), _inputs(body, "text_2")
        numbers = await self._scores(body, query, documents)
        data: list[Payload] = [
            {"index": index, "object": "score", "score": number} for index, number in enumerate(numbers)
        ]
        return self._listed("score", body, data, _pairs(query, documents))

    async def rerank(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        (query, *_), documents = _inputs(body, "query"), _inputs(body, "documents")
        numbers = await self._scores(body, query, documents)
        results: list[Payload] = [
            {
                "index": index,
                "document": {"text": tokens.decode(document), "multi_modal": None},
                "relevance_score": number,
            }
            for index, (document, number) in enumerate(zip(documents, numbers, strict=True))
        ]
        results.sort(key=lambda result: -float(result["relevance_score"]))
        limit = body.get("top_n") or len(results)
        count = sum(map(len, _pairs(query, documents)))
        usage = {"prompt_tokens": count, "total_tokens": count}
        return json_response({**self._head("score", body), "usage": usage, "results": results[:limit]})

    async def _vectors(self, body: Body, prompts: Sequence[Tokens]) -> list[list[float]]:
        await self._compute(body, prompts)
        return [vectors.embedding(prompt, seed=self._serving.options.seed) for prompt in prompts]

    async def _scores(self, body: Body, query: Tokens, documents: Sequence[Tokens]) -> list[float]:
        await self._compute(body, _pairs(query, documents))
        return [vectors.score(query, document) for document in documents]

    async def _compute(self, body: Body, prompts: Sequence[Tokens]) -> None:
        """Raises Refusal."""
        served = self._serving.served
        asks.check_model(body, served)
        for prompt in prompts:
            asks.check_length(len(prompt), None, served.max_model_len, is_text=True)
        ask = Ask(model=served.names[0], prompts=tuple(prompts), max_tokens=1, greedy=True, ignore_eos=True)
        generation = self._serving.generation(ask, None)
        try:
            generation.begin()
            async for _ in generation.deltas():
                pass
        except EngineDead as exc:
            raise Refusal(500, str(exc), SERVER_ERROR) from exc

    def _head(self, prefix: str, body: Body) -> Payload:
        model = body.get("model") or self._serving.served.names[0]
        return {"id": f"{prefix}-{secrets.token_hex(8)}", "model": model}

    def _listed(self, prefix: str, body: Body, data: list[Payload], prompts: Sequence[Tokens]) -> web.Response:
        count = sum(map(len, prompts))
        usage = {
            "prompt_tokens": count,
            "total_tokens": count,
            "completion_tokens": 0,
            "prompt_tokens_details": None,
            "completion_tokens_details": None,
        }
        head = self._head(prefix, body)
        listed = {"id": head["id"], "object": "list", "created": int(time.time()), "model": head["model"]}
        return json_response({**listed, "data": data, "usage": usage})


def _pairs(query: Tokens, documents: Sequence[Tokens]) -> list[Tokens]:
    return [[*query, *document] for document in documents]


def _inputs(body: Body, name: str) -> list[Tokens]:
    """A text, a list of texts, a list of tokens or a list of those. Raises Refusal."""
    given = body.get(name)
    if given is None or given == []:
        raise missing(body, name)
    if isinstance(given, list) and all(isinstance(part, int) for part in given):
        return [given]
    parts = given if isinstance(given, list) else [given]
    return [part if isinstance(part, list) else tokens.encode(_text(part)) for part in parts]


def _text(part: object) -> str:
    return str(part.get("text", "")) if isinstance(part, dict) else str(part)
