"""The route table: which paths exist here, and what each of them is. What is not in the table is 404.

An engine has far more routes than a LAN may see: loading adapters from a path, sleeping, resetting caches, calling
worker methods by name. So the table lists what may pass, by exact method and exact path, and nothing is ever matched by
prefix. The request target is compared as it came: `%2f`, `//`, `..` and `;` are in no path of the table, therefore
such a request never reaches the engine, whatever the engine would have made of it.

`REFUSED` names routes of vLLM 0.32 that somebody may miss, so that their 404 can say why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from frontdoor.refusal import Reason, Refusal


class Kind(StrEnum):
    """What a request on a route costs, and who answers it."""

    GENERATION = "generation"  # occupies the engine until its last token: limited by the cap
    POOLING = "pooling"  # one forward pass: has a cap of its own
    READ_ONLY = "read_only"  # tells something about the model, occupies nothing
    OWN = "own"  # answered here, never by the engine


class Dialect(StrEnum):
    """Whose protocol a route speaks: the shape of its errors and how its streams end."""

    OPENAI = "openai"  # `data: [DONE]`
    RESPONSES = "responses"  # `response.completed`, `.incomplete` or `.failed`
    ANTHROPIC = "anthropic"  # `message_stop`


@dataclass(frozen=True, slots=True)
class Route:
    """One row. `token_limits`: the body's fields that limit the output, the one for a default first. `engine_path`: the
    engine's path, where it is another one than ours.
    """

    method: str
    path: str
    kind: Kind
    doc: str
    dialect: Dialect = Dialect.OPENAI
    token_limits: tuple[str, ...] = ()
    takes_template_kwargs: bool = False
    engine_path: str | None = None
    asks_closed: bool = False


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/v1/chat/completions",
        Kind.GENERATION,
        "a chat turn, streamed or whole",
        token_limits=("max_tokens", "max_completion_tokens"),
        takes_template_kwargs=True,
    ),
    Route("POST", "/v1/completions", Kind.GENERATION, "a raw completion", token_limits=("max_tokens",)),
    Route(
        "POST",
        "/v1/responses",
        Kind.GENERATION,
        "OpenAI's Responses API",
        Dialect.RESPONSES,
        token_limits=("max_output_tokens",),
    ),
    Route(
        "POST",
        "/v1/messages",
        Kind.GENERATION,
        "Anthropic's Messages API",
        Dialect.ANTHROPIC,
        token_limits=("max_tokens",),
    ),
    Route("POST", "/v1/embeddings", Kind.POOLING, "embeddings"),
    Route("POST", "/v2/embed", Kind.POOLING, "embeddings, Cohere's form"),
    Route("POST", "/pooling", Kind.POOLING, "raw pooled outputs"),
    Route("POST", "/classify", Kind.POOLING, "classification"),
    Route("POST", "/score", Kind.POOLING, "similarity of pairs"),
    Route("POST", "/v1/score", Kind.POOLING, "similarity of pairs"),
    Route("POST", "/rerank", Kind.POOLING, "reranking"),
    Route("POST", "/v1/rerank", Kind.POOLING, "reranking"),
    Route("POST", "/v2/rerank", Kind.POOLING, "reranking, Cohere's form"),
    Route("GET", "/v1/models", Kind.READ_ONLY, "the served model; local paths in it are replaced by its id"),
    Route("GET", "/version", Kind.READ_ONLY, "the engine's version"),
    Route("POST", "/tokenize", Kind.READ_ONLY, "text to token ids"),
    Route("POST", "/detokenize", Kind.READ_ONLY, "token ids to text"),
    Route(
        "POST",
        "/v1/messages/count_tokens",
        Kind.READ_ONLY,
        "how many tokens a message would take",
        Dialect.ANTHROPIC,
    ),
    Route(
        "GET",
        "/metrics/engine",
        Kind.READ_ONLY,
        "the engine's own Prometheus metrics",
        engine_path="/metrics",
        asks_closed=True,
    ),
    Route("GET", "/health", Kind.OWN, "200 when a generation could start now, else 503 with the reason"),
    Route("GET", "/status", Kind.OWN, "slot, frontdoor and load, as JSON"),
    Route("GET", "/frontdoor/status", Kind.OWN, "the same as /status"),
    Route("GET", "/metrics", Kind.OWN, "Prometheus metrics of the frontdoor"),
)

_ADMIN = "it administers the engine"
_BYPASS = "it would generate outside the cap"
_DEBUG = "it shows the engine's insides"

REFUSED: Mapping[str, str] = {
    "/openapi.json": _DEBUG,
    "/docs": _DEBUG,
    "/docs/oauth2-redirect": _DEBUG,
    "/redoc": _DEBUG,
    "/load": "the frontdoor counts: see /status",
    "/ping": "see /health",
    "/kv_event_sources": _DEBUG,
    "/tokenizer_info": _DEBUG,
    "/server_info": _DEBUG,
    "/v1/systemone": _BYPASS,
    "/invocations": _BYPASS,
    "/v1/chat/completions/batch": _BYPASS,
    "/generative_scoring": _BYPASS,
    "/inference/v1/generate": _BYPASS,
    "/inference/v1/abort_requests": _ADMIN,
    "/v1/chat/completions/render": _DEBUG,
    "/v1/messages/render": _DEBUG,
    "/v1/completions/render": _DEBUG,
    "/v1/responses/render": _DEBUG,
    "/v1/chat/completions/derender": _DEBUG,
    "/v1/completions/derender": _DEBUG,
    "/scale_elastic_ep": _ADMIN,
    "/is_scaling_elastic_ep": _ADMIN,
    "/fault_tolerance/status": _ADMIN,
    "/v1/load_lora_adapter": _ADMIN,
    "/v1/unload_lora_adapter": _ADMIN,
    "/adapters": _ADMIN,
    "/start_profile": _ADMIN,
    "/stop_profile": _ADMIN,
    "/reset_prefix_cache": _ADMIN,
    "/reset_mm_cache": _ADMIN,
    "/reset_encoder_cache": _ADMIN,
    "/collective_rpc": _ADMIN,
    "/sleep": _ADMIN,
    "/wake_up": _ADMIN,
    "/is_sleeping": _ADMIN,
    "/release_kv_cache_memory": _ADMIN,
    "/pause": _ADMIN,
    "/resume": _ADMIN,
    "/is_paused": _ADMIN,
    "/abort_requests": _ADMIN,
    "/init_weight_transfer_engine": _ADMIN,
    "/shutdown_weight_transfer_engine": _ADMIN,
    "/start_weight_update": _ADMIN,
    "/start_draft_weight_update": _ADMIN,
    "/update_weights": _ADMIN,
    "/finish_weight_update": _ADMIN,
    "/update_weight_version": _ADMIN,
    "/weight_info": _ADMIN,
    "/weight_checker": _ADMIN,
    "/get_world_size": _ADMIN,
    "/v1/realtime": "WebSockets are not relayed",
}

_BY_PATH: Mapping[str, Mapping[str, Route]] = {
    path: {route.method: route for route in ROUTES if route.path == path} for path in {route.path for route in ROUTES}
}


def split_target(target: str) -> tuple[str, str]:
    """The path of a request target as it came, and its query with the `?`.

    The absolute form (RFC 9112, 3.2.2) is reduced to its path; nothing is decoded or normalised.
    """
    if target.startswith(("http://", "https://")):
        _, _, rest = target.partition("://")
        _, slash, path = rest.partition("/")
        target = slash + path
    path, mark, query = target.partition("?")
    return path, mark + query


def find(method: str, path: str) -> Route | Refusal:
    """The route of a request, or why there is none. HEAD is answered wherever GET is.

    1. No row with this path             -> 404
    2. A row, but none for this method   -> 405, with Allow
    3. Otherwise                         -> the row
    """
    rows = _BY_PATH.get(path)
    if rows is None:  # 1
        return _not_found(method, path)
    route = rows.get("GET" if method == "HEAD" else method)
    if route is None:  # 2
        allow = allowed_methods(path)
        return Refusal(
            status=405,
            reason=Reason.METHOD_NOT_ALLOWED,
            code="method_not_allowed",
            message=f"{path} takes {allow}, not {method[:20]}",
            allow=allow,
        )
    return route  # 3


def allowed_methods(path: str) -> str | None:
    """What Allow says for a path of the table (`GET, HEAD, OPTIONS`), or None for any other path."""
    rows = _BY_PATH.get(path)
    if rows is None:
        return None
    return ", ".join([*rows, *(["HEAD"] if "GET" in rows else []), "OPTIONS"])


def _not_found(method: str, path: str) -> Refusal:
    message = f"there is no {method[:20]} {path[:200]} here"
    if path in REFUSED:
        message += f": {REFUSED[path]}"
    elif "/v1" + path in _BY_PATH:
        message += "; the client's base URL should end in /v1"
    elif path.startswith("/v1/v1/"):
        message += "; the client's base URL has one /v1 too many"
    return Refusal(status=404, reason=Reason.NOT_FOUND, code="route_not_found", message=message)
