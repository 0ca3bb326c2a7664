"""A request's body: what its head says against it, and reading it once it may be read."""

from __future__ import annotations

import asyncio

from aiohttp import HttpVersion10, HttpVersion11, web

from frontdoor.headers import first_unwritable
from frontdoor.refusal import Refused, bad_request, body_timeout, too_large, unsupported_encoding

BODY_TIMEOUT_S = 120.0
SMALL_BODY_BYTES = 64 << 10

# the parser lets 0.9 and 2.0 through as well, and answers in their name
_VERSIONS = (HttpVersion10, HttpVersion11)


def check_head(request: web.BaseRequest, limit_bytes: int) -> None:
    """What can be said against a request before any of its body is read. Raises Refused.

    A compressed body is refused, not expanded: nobody could tell its size, or read its fields.
    """
    if request.version not in _VERSIONS:
        raise Refused(bad_request("only HTTP/1.0 and HTTP/1.1 are spoken here"))
    unwritable = first_unwritable(request.headers)
    if unwritable is not None:
        raise Refused(bad_request(f"the value of the header {unwritable} is not UTF-8"))
    # the parser takes only `chunked` off; a coding under it would go on without its name
    transfer = request.headers.get("Transfer-Encoding", "chunked")
    if transfer.lower() != "chunked":
        raise Refused(bad_request(f"a body comes as it is or chunked, not with Transfer-Encoding {transfer[:40]!r}"))
    encoding = ", ".join(request.headers.getall("Content-Encoding", ["identity"]))
    if encoding.lower() != "identity":
        raise Refused(unsupported_encoding(encoding))
    declared = request.content_length
    if declared is not None and declared > limit_bytes:
        raise Refused(too_large(limit_bytes))


def expects_continue(request: web.BaseRequest) -> bool:
    return request.headers.get("Expect", "").lower() == "100-continue" and not request.content.is_eof()


def say_continue(request: web.BaseRequest) -> None:
    """Asks the client for its body (RFC 9110, 10.1.1)."""
    if request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def leaves_body_unread(request: web.BaseRequest) -> bool:
    """Whether an answer given now has to end the connection: what is left of the body must not be read as a request.

    A small body is on its way already; it is read and dropped after the answer, and the connection stays.
    """
    if request.content.is_eof():
        return False
    declared = request.content_length
    return declared is None or declared > SMALL_BODY_BYTES or expects_continue(request)


async def read_body(request: web.BaseRequest, limit_bytes: int) -> bytes:
    """The whole body. Raises Refused: over the limit, malformed, or not there after BODY_TIMEOUT_S."""
    if request.content.is_eof():
        return _within(request.content.read_nowait(), limit_bytes)
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while piece := await request.content.readany():
                pieces.append(piece)
                size += len(piece)
                if size > limit_bytes:
                    raise Refused(too_large(limit_bytes))
    except TimeoutError:
        raise Refused(body_timeout(BODY_TIMEOUT_S)) from None
    except web.RequestPayloadError as exc:
        raise Refused(bad_request(f"the request body is malformed: {exc}")) from exc
    return b"".join(pieces)


def _within(body: bytes, limit_bytes: int) -> bytes:
    if len(body) > limit_bytes:
        raise Refused(too_large(limit_bytes))
    return body
