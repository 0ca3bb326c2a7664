"""How each SDK shows a refusal to its application: what all refusals have in common is checked here."""

from __future__ import annotations

from sdk.clients import Client
from sdk.sdk_process import Outcome, Raised

REQUEST_ID = "asked-for"

KINDS = {
    400: "BadRequestError",
    401: "AuthenticationError",
    404: "NotFoundError",
    413: "APIStatusError",
    429: "RateLimitError",
    503: "InternalServerError",
    529: "InternalServerError",
}
ANTHROPICS_KINDS = KINDS | {413: "ContentTooLargeError", 503: "ServiceUnavailableError", 529: "OverloadedError"}
TYPES = {
    400: "invalid_request_error",
    429: "rate_limit_error",
    503: "service_unavailable_error",
    529: "service_unavailable_error",
}
ANTHROPICS_TYPES = TYPES | {503: "overloaded_error", 529: "overloaded_error"}


def refused(outcome: Outcome, client: Client, status: int, code: str) -> Raised:
    """Checks what every refusal has, and gives it back for what only this one has. Its job was named REQUEST_ID."""
    error, is_anthropic = outcome.error, client.sdk.package == "anthropic"
    assert error.is_the_sdks_own
    assert (error.status, error.error["code"]) == (status, code)
    assert error.kind == (ANTHROPICS_KINDS if is_anthropic else KINDS)[status]
    types = ANTHROPICS_TYPES if is_anthropic else TYPES
    assert status not in types or error.error["type"] == types[status]
    assert error.error["message"]
    assert error.headers["x-request-id"] == REQUEST_ID
    if "retry-after" in error.headers:
        wait_s = int(error.headers["retry-after"])
        assert 1 <= wait_s <= 30
        assert 1000 * (wait_s - 1) < int(error.headers["retry-after-ms"]) <= 1000 * wait_s
    return error
