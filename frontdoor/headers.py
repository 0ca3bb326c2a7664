"""Which headers go on, in each direction.

Hop-by-hop headers (RFC 9110, 7.6.1) end here, and so does every header that `Connection` names. What is left passes as
it came, several fields of one name included.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from multidict import CIMultiDict, MultiMapping

REQUEST_ID = "X-Request-Id"
SERVER_NAME = "b70-frontdoor"

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,128}")

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Length and host belong to each connection; 100-continue was answered here; and the engine must not compress what the
# relay has to read.
_NOT_TO_ENGINE = _HOP_BY_HOP | {"host", "content-length", "expect", "accept-encoding"}
# The date is ours to set, the engine's make is nobody's business, and CORS is decided here.
_NOT_TO_CLIENT = _HOP_BY_HOP | {"content-length", "date", "server"}


def request_id(given: str | None) -> str:
    """The client's own request id if it is harmless in a header, a log and a file name, otherwise a new one."""
    if given is not None and _SANE_REQUEST_ID.fullmatch(given):
        return given
    return secrets.token_hex(8)


def first_unwritable(headers: MultiMapping[str]) -> str | None:
    """The name of a header that could not be sent on as it came, or None: its value is not UTF-8."""
    for name, value in headers.items():
        if not value.isascii() and any("\udc80" <= letter <= "\udcff" for letter in value):
            return name
    return None


def ours(request_id: str, allow_origin: str | None) -> dict[str, str]:
    """The headers of every answer that leaves the frontdoor. `allow_origin` None: no CORS headers at all."""
    told = {REQUEST_ID: request_id, "Server": SERVER_NAME}
    if allow_origin is not None:
        told["Access-Control-Allow-Origin"] = allow_origin
        told["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        told["Access-Control-Allow-Headers"] = (
            "Authorization, Content-Type, OpenAI-Beta, X-Request-Id, X-Requested-With"
        )
        told["Access-Control-Expose-Headers"] = "X-Request-Id, Retry-After, retry-after-ms, X-Frontdoor-Applied"
    return told


def to_engine(headers: MultiMapping[str], *, request_id: str, client: str, host: str) -> CIMultiDict[str]:
    """The headers of a client's request as the engine gets them."""
    passed = _without(headers, _NOT_TO_ENGINE)
    passed["Accept-Encoding"] = "identity"
    passed[REQUEST_ID] = request_id
    passed["X-Forwarded-For"] = client
    passed["X-Forwarded-Host"] = host
    passed["X-Forwarded-Proto"] = "http"
    return passed


def to_client(headers: MultiMapping[str]) -> CIMultiDict[str]:
    """The headers of the engine's answer as the client gets them; its length is not among them."""
    passed = _without(headers, _NOT_TO_CLIENT)
    for name in [name for name in passed if name.lower().startswith("access-control-")]:
        passed.popall(name, None)
    return passed


def _without(headers: MultiMapping[str], dropped: Iterable[str]) -> CIMultiDict[str]:
    named = {token.strip().lower() for value in headers.getall("Connection", ()) for token in value.split(",")}
    unwanted = named.union(dropped)
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in unwanted)
