"""How each SDK shows a refusal to its application: what all refusals have in common is checked here."""

from __future__ import annotations

from sdk.clients import NODE_CHATS, Client
from sdk.sdk_process import Outcome, Raised

REQUEST_ID = "asked-for"

KINDS = {
    400: "BadRequestError",
    401: "AuthenticationError",
    404: "NotFoundError",
    413: "APIStatusError",
    429: "RateLimitError",
    500: "InternalServerError",
    502: "InternalServerError",
    503: "InternalServerError",
    504: "InternalServerError",
    529: "InternalServerError",
}
NODES_KINDS = KINDS | {413: "APIError"}
ANTHROPICS_KINDS = KINDS | {
    413: "ContentTooLargeError",
    503: "ServiceUnavailableError",
    504: "GatewayTimeoutError",
    529: "OverloadedError",
}
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
    502: "upstream_error",
    503: "service_unavailable_error",
    504: "upstream_error",
    529: "overloaded_error",
}
ANTHROPICS_TYPES = TYPES | {
    404: "not_found_error",
    413: "request_too_large",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def kind_of(client: Client, status: int | None) -> str:
    """The exception's class for a status; None: for an error in a stream, which has one of its own."""
    if client.is_anthropic:
        return ANTHROPICS_KINDS[status] if status else "APIStatusError"
    if client in NODE_CHATS:
        return NODES_KINDS[status] if status else "APIError"
    return KINDS[status] if status else "APIError"


def refused(outcome: Outcome, client: Client, status: int, code: str) -> Raised:
    """Checks what every refusal has, and gives it back for what only this one has. Its job was named REQUEST_ID."""
    error = outcome.error
    assert error.is_the_sdks_own
    assert (error.status, error.error["code"]) == (status, code)
    assert error.kind == kind_of(client, status)
    # where the path is nobody's, nobody knows whose words to use
    types = ANTHROPICS_TYPES if client.is_anthropic and code != "route_not_found" else TYPES
    assert error.error["type"] == types[status]
    assert error.error["message"]
    assert error.headers["x-request-id"] == REQUEST_ID
    if "retry-after" in error.headers:
        wait_s = int(error.headers["retry-after"])
        assert 1 <= wait_s <= 30
        assert 1000 * (wait_s - 1) < int(error.headers["retry-after-ms"]) <= 1000 * wait_s
    return error
