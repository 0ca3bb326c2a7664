"""What a head says of the body behind it, and whether that can be taken at all. Nothing of the body is read for it."""

from __future__ import annotations

from frontdoor.http.request import Request
from frontdoor.refusal import Reason, Refusal, too_large, unsupported_encoding

_JSON_TYPES = frozenset({b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"})


def check_upload(request: Request, limit_bytes: int) -> Refusal | None:
    """What can be said against a body before any of it is read.

    A compressed one is refused, not expanded: nobody could tell its size, or read its fields.
    """
    if request.head.get(b"content-encoding") is not None:
        encoding = b", ".join(request.head.values(b"content-encoding"))
        if encoding and encoding.lower() != b"identity":
            return unsupported_encoding(encoding.decode("latin-1"))
    if request.content_length is not None and request.content_length > limit_bytes:
        return too_large(limit_bytes)
    return check_content_type(request.head.get(b"content-type")) if request.has_body else None


def check_content_type(value: bytes | None) -> Refusal | None:
    """Whether a POST's `Content-Type` says JSON in UTF-8; None stands for a header that is not there, and passes.

    A page of another site may post `text/plain` and forms without asking (a simple request, Fetch standard), but not
    JSON. It may also post without a type at all: `origin` has to know it by its Origin.
    """
    if value is None or value in _JSON_TYPES:
        return None
    kind, *parameters = value.lower().split(b";")
    charsets = {text.partition(b"=")[2].strip(b' "') for text in parameters if text.strip().startswith(b"charset=")}
    if kind.strip() == b"application/json" and charsets <= {b"utf-8", b"utf8"}:
        return None
    found = value[:60].decode("latin-1")
    return Refusal(
        status=415,
        reason=Reason.UNSUPPORTED_ENCODING,
        code="unsupported_media_type",
        message=f"the body's Content-Type is {found!r}; send JSON with the header Content-Type: application/json",
    )
