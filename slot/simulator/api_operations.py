"""The routes that generate nothing: health, version, models, metrics, tokens, and vLLM's odds and ends."""

from __future__ import annotations

import asyncio
import secrets
import time

from aiohttp import web

from slot.simulator import metrics, prompts, tokens
from slot.simulator.api_openai import body_of
from slot.simulator.faults import FaultName
from slot.simulator.refusals import Refusal, missing
from slot.simulator.replies import get, json_response
from slot.simulator.serving import VERSION, Serving

_SCALE_OUT = "Scale-out endpoints are disabled. Restart vllm serve with --enable-scale-out to enable them."
_NOT_SIMULATED = {  # path -> required fields
    "/v1/systemone": ("state", "questions"),
    "/generative_scoring": ("query", "items", "label_token_ids"),
}
_SCALE_OUT_PATHS = (
    "/v1/chat/completions/render",
    "/v1/messages/render",
    "/v1/completions/render",
    "/v1/responses/render",
    "/v1/chat/completions/derender",
    "/v1/completions/derender",
    "/inference/v1/generate",
    "/inference/v1/abort_requests",
)


class OperationsApi:
    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def routes(self) -> list[web.RouteDef]:
        return [
            get("/load", self.load),
            get("/version", self.version),
            get("/kv_event_sources", self.nothing),
            get("/health", self.health),
            get("/metrics", self.metrics),
            get("/v1/models", self.models),
            get("/ping", self.health),
            web.post("/ping", self.health),
            web.post("/tokenize", self.tokenize),
            web.post("/detokenize", self.detokenize),
            *(web.post(path, self.not_simulated) for path in _NOT_SIMULATED),
            web.post("/scale_elastic_ep", self.scale),
            web.post("/is_scaling_elastic_ep", self.is_scaling),
            *(web.post(path, self.scale_out) for path in _SCALE_OUT_PATHS),
        ]

    async def health(self, request: web.Request) -> web.Response:
        fault = self._serving.process_fault(FaultName.SLOW_HEALTH)
        if fault is not None:
            await asyncio.sleep(fault.seconds)
        return web.Response(status=503 if self._serving.loop.is_dead else 200)

    async def version(self, request: web.Request) -> web.Response:
        return json_response({"version": VERSION})

    async def load(self, request: web.Request) -> web.Response:
        return json_response({"server_load": self._serving.load})

    async def nothing(self, request: web.Request) -> web.Response:
        return json_response({})

    async def metrics(self, request: web.Request) -> web.Response:
        fault = self._serving.process_fault(FaultName.SLOW_METRICS)
        if fault is not None:
            await asyncio.sleep(fault.seconds)
        return web.Response(body=self._serving.metrics.text(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def models(self, request: web.Request) -> web.Response:
        cards = [self._card(name) for name in self._serving.served.names]
        return json_response({"object": "list", "data": cards})

    async def tokenize(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        served = self._serving.served
        if "messages" in body:
            found = prompts.conversation(body["messages"], served)
        elif isinstance(body.get("prompt"), str):
            found = tokens.encode(body["prompt"])
        else:
            raise missing(body, "prompt", "messages")
        texts = [tokens.decode([token]) for token in found] if body.get("return_token_strs") else None
        answer = {"count": len(found), "max_model_len": served.max_model_len, "tokens": found, "token_strs": texts}
        return json_response(answer)

    async def detokenize(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        found = body.get("tokens")
        if not isinstance(found, list) or not all(isinstance(token, int) for token in found):
            raise missing(body, "tokens")
        return json_response({"prompt": tokens.decode(found)})

    async def scale(self, request: web.Request) -> web.Response:
        raise Refusal(400, "new_data_parallel_size is required", "Bad Request")

    async def is_scaling(self, request: web.Request) -> web.Response:
        return json_response({"is_scaling_elastic_ep": False})

    async def scale_out(self, request: web.Request) -> web.Response:
        raise Refusal(403, _SCALE_OUT, "PermissionDeniedError")

    async def not_simulated(self, request: web.Request) -> web.Response:
        """Their answers need a model's numbers, which nobody here would believe; their refusals do not."""
        body = await body_of(request)
        lacking = [name for name in _NOT_SIMULATED[request.path] if name not in body]
        if lacking:
            raise missing(body, *lacking)
        raise Refusal(501, "the simulator does not answer this route", "NotImplementedError")

    def _card(self, name: str) -> dict[str, object]:
        created = int(time.time())
        permission = {
            "id": f"modelperm-{secrets.token_hex(8)}",
            "object": "model_permission",
            "created": created,
            "allow_create_engine": False,
            "allow_sampling": True,
            "allow_logprobs": True,
            "allow_search_indices": False,
            "allow_view": True,
            "allow_fine_tuning": False,
            "organization": "*",
            "group": None,
            "is_blocking": False,
        }
        return {
            "id": name,
            "object": "model",
            "created": created,
            "owned_by": "vllm",
            "root": self._serving.options.model,
            "parent": None,
            "max_model_len": self._serving.served.max_model_len,
            "permission": [permission],
        }
