"""Which headers go on, in each direction, as the lines that are sent.

Hop-by-hop headers (RFC 9110, 7.6.1) end here, and so does every header that `Connection` names. What is left passes as
it came, several fields of one name included; names are in lower case. A name with an underscore ends here as well:
whatever reads headers as CGI did takes it for the name with a hyphen (nginx and Caddy drop it too).
"""

from __future__ import annotations

import re
import secrets
from itertools import count

from frontdoor.http.head import Fields, Head

SERVER_NAME = "b70-frontdoor"

# Numbers from a start that nobody can guess: a random one for each request would be a call of the kernel each time.
_PROCESS = secrets.token_hex(5)
_numbers = count(secrets.randbelow(1 << 23))

_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:\-]{1,128}")

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Length and host belong to each connection; 100-continue was answered here; the engine must not compress what the relay
# has to read; and who the client is, is said by us: what a client says of it is anybody's claim.
_NOT_TO_ENGINE = _HOP_BY_HOP | {
    b"host",
    b"content-length",
    b"expect",
    b"accept-encoding",
    b"forwarded",
    b"http2-settings",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-real-ip",
    b"x-request-id",
}
_CREDENTIALS = frozenset({b"authorization", b"x-api-key"})
# The date is ours to set, the engine's make is nobody's business, and CORS is decided here.
_NOT_TO_CLIENT = _HOP_BY_HOP | {
    b"content-length",
    b"date",
    b"server",
    b"x-request-id",
    b"access-control-allow-origin",
    b"access-control-allow-methods",
    b"access-control-allow-headers",
    b"access-control-allow-credentials",
    b"access-control-expose-headers",
    b"access-control-max-age",
}

# A browser asks before it sends any of these. The SDKs of OpenAI and Anthropic send theirs with every request.
_FROM_BROWSERS = (
    "Authorization",
    "Content-Type",
    "OpenAI-Beta",
    "X-Api-Key",
    "anthropic-version",
    "anthropic-beta",
    "anthropic-dangerous-direct-browser-access",
    "X-Request-Id",
    "X-Requested-With",
)
_FROM_SDKS = tuple(
    f"x-stainless-{name}"
    for name in (
        "lang",
        "package-version",
        "os",
        "arch",
        "runtime",
        "runtime-version",
        "retry-count",
        "timeout",
        "helper-method",
        "async",
        "read-timeout",
    )
)


def request_id(given: bytes | None) -> str:
    """The client's own request id if it is harmless in a header, a log and a file name, otherwise a new one."""
    if given is not None and _SANE_REQUEST_ID.fullmatch(given):
        return given.decode()
    return f"{_PROCESS}{next(_numbers):06x}"


def cors(allow_origin: str | None, session_header: str = "X-Session-Id") -> bytes:
    """The CORS lines of every answer; none unless an origin is configured. `session_header`: as it is configured."""
    if allow_origin is None:
        return b""
    return (
        f"access-control-allow-origin: {allow_origin}\r\n"
        "access-control-allow-methods: GET, POST, OPTIONS\r\n"
        f"access-control-allow-headers: {', '.join([*_FROM_BROWSERS, session_header, *_FROM_SDKS])}\r\n"
        "access-control-expose-headers: X-Request-Id, request-id, Retry-After, retry-after-ms, X-Frontdoor-Applied\r\n"
    ).encode()


def to_engine(
    head: Head, *, method: str, target: str, request_id: str, client: str, scheme: bytes, length: int, keep_key: bool
) -> bytes:
    """A client's request as the engine gets it: the request line and all header lines but Host.

    `keep_key` False: the key was for us, and is no business of the engine's.
    """
    dropped = _NOT_TO_ENGINE if keep_key else _NOT_TO_ENGINE | _CREDENTIALS
    return b"%b %b HTTP/1.1\r\n%baccept-encoding: identity\r\n%b%b" % (
        method.encode("latin-1"),
        target.encode("latin-1"),
        _lines(head.fields, dropped),
        b"content-length: %d\r\n" % length if length or method == "POST" else b"",
        (
            f"x-request-id: {request_id}\r\nx-forwarded-for: {client}\r\n".encode()
            + b"x-forwarded-host: %b\r\nx-forwarded-proto: %b\r\n" % (head.get(b"host") or b"", scheme)
        ),
    )


def to_client(fields: Fields) -> bytes:
    """The lines of the engine's answer that the client gets; its length is not among them."""
    return _lines(fields, _NOT_TO_CLIENT)


def _lines(fields: Fields, dropped: frozenset[bytes]) -> bytes:
    for name, value in fields:
        if name == b"connection":
            named = {token.strip().lower() for token in value.split(b",")}
            if not named <= {b"close", b"keep-alive"}:
                dropped = dropped | named
    return b"".join([b"%b: %b\r\n" % field for field in fields if field[0] not in dropped and b"_" not in field[0]])
