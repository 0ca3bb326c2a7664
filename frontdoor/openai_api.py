"""The API's own words: the few fields of a request body that are read, and the bodies of our errors.

A body passes byte for byte unless the profile configures defaults or limits. Then the top-level object is taken apart
into its keys and the raw text of their values, the configured ones are set, and it is put together again: a value that
is not ours to change keeps its bytes. What was applied is said in a response header, never in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from frontdoor.refusal import Refusal, Refused, bad_request
from frontdoor.routes import Dialect, Route
from slot.bad_json import BAD_JSON

APPLIED_HEADER = "X-Frontdoor-Applied"

_Object = dict[str, msgspec.Raw]
_decode_object = msgspec.json.Decoder(_Object).decode
_encode = msgspec.json.encode

_OPENAI_TYPES = {429: "rate_limit_error", 503: "service_unavailable_error"}
_ANTHROPIC_TYPES = {404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error", 503: "overloaded_error"}


def error_type(dialect: Dialect, status: int) -> str:
    """The `type` of an error object: OpenAI's words, or Anthropic's."""
    table = _ANTHROPIC_TYPES if dialect is Dialect.ANTHROPIC else _OPENAI_TYPES
    if status in table:
        return table[status]
    if status < 500:
        return "invalid_request_error"
    return "api_error" if dialect is Dialect.ANTHROPIC else "upstream_error" if status > 500 else "server_error"


def error_body(refusal: Refusal, dialect: Dialect) -> bytes:
    """A refusal as JSON: `{"error": {message, type, param, code, ...details}}`; Anthropic's has a type around it."""
    error: dict[str, object] = {"message": refusal.message, "type": error_type(dialect, refusal.status)}
    if dialect is Dialect.ANTHROPIC:
        return _encode({"type": "error", "error": error | {"code": refusal.code} | dict(refusal.details)})
    return _encode({"error": error | {"param": None, "code": refusal.code} | dict(refusal.details)})


def error_event(refusal: Refusal, dialect: Dialect) -> bytes:
    """A refusal as the last event of a stream: the one form on which openai-python, openai-node and the AI SDK
    all raise (measured).
    """
    name = b"event: error\n" if dialect is Dialect.ANTHROPIC else b""
    return name + b"data: " + error_body(refusal, dialect) + b"\n\n"


@dataclass(frozen=True)
class RequestDefaults:
    """What the profile sets in a request. `template_kwargs` is merged under the client's own, key by key.

    `default_output_tokens` applies where the client names no limit, `max_output_tokens` to every limit and to none.
    """

    template_kwargs: dict[str, object] = field(default_factory=dict)
    default_output_tokens: int | None = None
    max_output_tokens: int | None = None

    def concern(self, route: Route) -> bool:
        limits = self.default_output_tokens is not None or self.max_output_tokens is not None
        return bool(limits and route.token_limits) or bool(self.template_kwargs and route.takes_template_kwargs)


def apply_defaults(body: bytes, route: Route, defaults: RequestDefaults) -> tuple[bytes, list[str]]:
    """The body with the profile's defaults, and what was applied: `max_tokens=2048`, one word for each change.

    A body in which nothing has to change comes back as the same object. Raises Refused (400) for a body that is not
    a JSON object: what cannot be read cannot be limited.
    """
    if not defaults.concern(route):
        return body, []
    try:
        fields = _decode_object(body)
        # a value is read only here, where it matters: `1e999` and broken UTF-8 are found out as late as that
        applied = [*_limit_tokens(fields, route.token_limits, defaults)]
        if route.takes_template_kwargs:
            applied += _merge_template_kwargs(fields, defaults.template_kwargs)
    except BAD_JSON:
        raise Refused(bad_request("the request body is not a JSON object in UTF-8 with sane numbers")) from None
    return (_encode(fields), applied) if applied else (body, [])


def _limit_tokens(fields: _Object, names: tuple[str, ...], defaults: RequestDefaults) -> list[str]:
    cap = defaults.max_output_tokens
    limits = [limit for limit in (defaults.default_output_tokens, cap) if limit is not None]
    if not names or not limits:
        return []
    asked = {name: limit for name in names if (limit := _value(fields, name)) is not None}
    if not asked:
        return [_set(fields, names[0], min(limits))]
    if cap is None:
        return []
    # every limit that is present, not only the first: an engine may read another one than we do
    return [_set(fields, name, cap) for name, limit in asked.items() if _exceeds(limit, cap)]


def _merge_template_kwargs(fields: _Object, defaults: dict[str, object]) -> list[str]:
    name = "chat_template_kwargs"
    given = _value(fields, name)
    if given is None:
        given = {}
    if not isinstance(given, dict):
        return []  # the engine refuses it in its own words
    missing = {key: value for key, value in defaults.items() if key not in given}
    if not missing:
        return []
    fields[name] = msgspec.Raw(_encode(missing | given))
    return [f"{name}.{key}={_encode(value).decode()}" for key, value in missing.items()]


def _value(fields: _Object, name: str) -> object:
    raw = fields.get(name)
    return None if raw is None else msgspec.json.decode(raw)


def _set(fields: _Object, name: str, limit: int) -> str:
    fields[name] = msgspec.Raw(b"%d" % limit)
    return f"{name}={limit}"


def _exceeds(limit: object, cap: int) -> bool:
    # the engine may read "9999" as a number: what is no number here is over the cap
    return not isinstance(limit, int | float) or limit > cap


def hide_local_paths(models: bytes) -> bytes:
    """`/v1/models` with each `root` replaced by the model's id: an engine that serves a directory would tell its path.

    Raises ValueError for an answer that is not a list of models.
    """
    try:
        answer = msgspec.json.decode(models)
    except BAD_JSON as exc:
        raise ValueError("a list of models that is no JSON") from exc
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        raise ValueError("not a list of models")
    for model in answer["data"]:
        if isinstance(model, dict) and "root" in model:
            model["root"] = model.get("id")
    return _encode(answer)
