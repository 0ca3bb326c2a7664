"""Why a request gets an answer of ours instead of the engine's.

A refusal is a value: the cores return it, `relay` and `app` turn it into a response, `openai_api` writes its body.
They are grouped by who has to act:

    the client     400 bad_request, field_denied, 401 unauthorized, 403 forbidden, 404 not_found, bad_model,
                   405 method_not_allowed, 408 head_timeout, body_timeout, 413 too_large,
                   415 unsupported_encoding, 426 upgrade_refused, 429 client_share, 431 head_too_large
    time           503 at_capacity, too_many_connections,
                   queue_timeout, paused, loading, stopped, stopping, degraded, stale, unreachable
    the operator   503 failed (waiting cannot help: x-should-retry: false)
    the engine     502 upstream_disconnected, upstream_protocol, engine_error, invalid_answer; 504 upstream_timeout
    us             500 internal_error, 503 shutting_down
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

# Above 60 s the SDKs disagree (one waits for hours, one never retries), and 0 counts as absent (measured with
# openai-python 3.52, openai-node 6.49, anthropic-python 2.11).
RETRY_AFTER_MIN_S = 1.0
RETRY_AFTER_MAX_S = 30.0


class Reason(StrEnum):
    """The word for a refusal in metrics, events and documentation: a closed set."""

    BAD_REQUEST = "bad_request"
    FIELD_DENIED = "field_denied"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    BAD_MODEL = "bad_model"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    HEAD_TIMEOUT = "head_timeout"
    BODY_TIMEOUT = "body_timeout"
    TOO_LARGE = "too_large"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    UPGRADE_REFUSED = "upgrade_refused"
    CLIENT_SHARE = "client_share"
    HEAD_TOO_LARGE = "head_too_large"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    AT_CAPACITY = "at_capacity"
    QUEUE_TIMEOUT = "queue_timeout"
    PAUSED = "paused"
    LOADING = "loading"
    STOPPED = "stopped"
    STOPPING = "stopping"
    DEGRADED = "degraded"
    STALE = "stale"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    UPSTREAM_DISCONNECTED = "upstream_disconnected"
    UPSTREAM_PROTOCOL = "upstream_protocol"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    ENGINE_ERROR = "engine_error"
    INVALID_ANSWER = "invalid_answer"
    INTERNAL_ERROR = "internal_error"
    SHUTTING_DOWN = "shutting_down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One answer of ours. `code` is what a client program may test, `message` is for people.

    `retry_after_s` None: no Retry-After. `retry_can_help` False: the SDKs are told not to try again.
    `param` is the field of the request body that is to blame, if one is. `details` are more fields of the error object;
    `allow` is the value of the Allow header (405).
    """

    status: int
    reason: Reason
    code: str
    message: str
    retry_after_s: float | None = None
    retry_can_help: bool = True
    param: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    allow: str | None = None

    def headers(self) -> dict[str, str]:
        """The headers that go with it.

        Retry-After (whole seconds, 1..30), retry-after-ms, x-should-retry, Allow, WWW-Authenticate.
        """
        headers: dict[str, str] = {}
        if self.retry_after_s is not None:
            wait_s = min(max(self.retry_after_s, RETRY_AFTER_MIN_S), RETRY_AFTER_MAX_S)
            headers["Retry-After"] = str(math.ceil(wait_s))
            headers["retry-after-ms"] = str(round(wait_s * 1000))
        if not self.retry_can_help:
            headers["x-should-retry"] = "false"
        if self.allow is not None:
            headers["Allow"] = self.allow
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"  # RFC 9110, 11.6.1: a 401 says how to do better
        return headers


class Refused(Exception):
    """Carries a refusal out of the depth of a request."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def bad_request(message: str, param: str | None = None) -> Refusal:
    return Refusal(status=400, reason=Reason.BAD_REQUEST, code="invalid_request", message=message, param=param)


def too_large(limit_bytes: int) -> Refusal:
    return Refusal(
        status=413,
        reason=Reason.TOO_LARGE,
        code="request_too_large",
        message=f"the request body is larger than {limit_bytes} bytes, the limit of this server",
    )


def body_timeout(limit_s: float) -> Refusal:
    return Refusal(
        status=408,
        reason=Reason.BODY_TIMEOUT,
        code="request_timeout",
        message=f"the request body did not arrive within {limit_s:g} s",
    )


def head_timeout(limit_s: float) -> Refusal:
    return Refusal(
        status=408,
        reason=Reason.HEAD_TIMEOUT,
        code="request_timeout",
        message=f"the head of the request did not arrive within {limit_s:g} s",
    )


def head_too_large(limit_bytes: int) -> Refusal:
    return Refusal(
        status=431,
        reason=Reason.HEAD_TOO_LARGE,
        code="request_head_too_large",
        message=f"the head of the request is larger than {limit_bytes} bytes, the limit of this server",
    )


def too_many_connections(what: str) -> Refusal:
    return Refusal(
        status=503,
        reason=Reason.TOO_MANY_CONNECTIONS,
        code="too_many_connections",
        message=f"{what}; try again in a moment",
        retry_after_s=2.0,
    )


def unsupported_encoding(encoding: str) -> Refusal:
    return Refusal(
        status=415,
        reason=Reason.UNSUPPORTED_ENCODING,
        code="unsupported_content_encoding",
        message=f"request bodies with Content-Encoding {encoding[:40]!r} are not accepted; send the JSON as it is",
    )


def upstream_disconnected(what: str) -> Refusal:
    return Refusal(
        status=502,
        reason=Reason.UPSTREAM_DISCONNECTED,
        code="upstream_disconnected",
        message=f"the engine {what}",
        retry_after_s=1.0,
    )


def upstream_protocol(what: str) -> Refusal:
    return Refusal(
        status=502, reason=Reason.UPSTREAM_PROTOCOL, code="upstream_protocol_error", message=f"the engine {what}"
    )


def invalid_number() -> Refusal:
    return Refusal(
        status=502,
        reason=Reason.INVALID_ANSWER,
        code="invalid_number_in_answer",
        message="the engine sent NaN or Infinity, which are not JSON: its numbers for this answer cannot be trusted",
    )


def engine_error(what: str) -> Refusal:
    return Refusal(status=502, reason=Reason.ENGINE_ERROR, code="engine_error", message=f"the engine {what}")


def upstream_timeout(what: str) -> Refusal:
    return Refusal(
        status=504,
        reason=Reason.UPSTREAM_TIMEOUT,
        code="upstream_timeout",
        message=f"the engine {what}",
    )


def unreachable(url: str) -> Refusal:
    return Refusal(
        status=503,
        reason=Reason.UNREACHABLE,
        code="backend_unavailable",
        message=f"no engine answers at {url}",
        retry_after_s=5.0,
    )


def internal_error() -> Refusal:
    return Refusal(
        status=500,
        reason=Reason.INTERNAL_ERROR,
        code="internal_error",
        message="the frontdoor failed on this request; its log has the details under this request id",
    )


def shutting_down() -> Refusal:
    return Refusal(
        status=503,
        reason=Reason.SHUTTING_DOWN,
        code="shutting_down",
        message="the frontdoor is shutting down",
        retry_after_s=2.0,
    )
