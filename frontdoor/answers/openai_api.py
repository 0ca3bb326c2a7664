"""The API's own words: the bodies of our errors, in OpenAI's shape and in Anthropic's, and the list of models.

What is read of a request's body, and set in it, is `request_policy`.
"""

from __future__ import annotations

import msgspec

from frontdoor.refusal import Refusal
from frontdoor.routes import Dialect
from slot.bad_json import BAD_JSON

APPLIED_HEADER = "X-Frontdoor-Applied"

_encode = msgspec.json.encode

# What is not here is an `invalid_request_error` below 500, as OpenAI says it of 400, 404 and 413.
_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "service_unavailable_error",
    529: "overloaded_error",
}
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_type(dialect: Dialect, status: int) -> str:
    """The `type` of an error object: OpenAI's words, or Anthropic's."""
    anthropic = dialect is Dialect.ANTHROPIC
    known = (_ANTHROPIC_TYPES if anthropic else _OPENAI_TYPES).get(status)
    if known is not None:
        return known
    if status < 500:
        return "invalid_request_error"
    return "api_error" if anthropic else "upstream_error"


def error_body(refusal: Refusal, dialect: Dialect) -> bytes:
    """A refusal as JSON: `{"error": {message, type, param, code, ...details}}`; Anthropic's has a type around it, and
    a `param` only where there is one.
    """
    error: dict[str, object] = {"message": refusal.message, "type": error_type(dialect, refusal.status)}
    if dialect is not Dialect.ANTHROPIC:
        return _encode({"error": {**error, "param": refusal.param, "code": refusal.code, **refusal.details}})
    if refusal.param is not None:
        error["param"] = refusal.param
    return _encode({"type": "error", "error": {**error, "code": refusal.code, **refusal.details}})


def error_event(refusal: Refusal, dialect: Dialect) -> bytes:
    """A refusal as the last event of a stream: the one form on which openai-python, openai-node and the AI SDK
    all raise (measured).
    """
    name = b"event: error\n" if dialect is Dialect.ANTHROPIC else b""
    return name + b"data: " + error_body(refusal, dialect) + b"\n\n"


def hide_local_paths(models: bytes, alias: str | None = None) -> bytes:
    """`/v1/models` with each `root` replaced by the model's id, as an engine that serves a directory would tell its
    path, and with the alias as one more entry: like the first one, but for its id.

    Raises ValueError for an answer that is not a list of models.
    """
    try:
        answer = msgspec.json.decode(models)
    except BAD_JSON as exc:
        raise ValueError("a list of models that is no JSON") from exc
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        raise ValueError("not a list of models")
    listed = [model for model in answer["data"] if isinstance(model, dict)]
    for model in listed:
        if "root" in model:
            model["root"] = model.get("id")
    if alias is not None and listed and alias not in [model.get("id") for model in listed]:
        answer["data"].append({**listed[0], "id": alias})
    return _encode(answer)
