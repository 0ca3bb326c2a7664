"""The first lines of an answer, as bytes."""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from frontdoor.http.headers import SERVER_NAME

_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}


@lru_cache(maxsize=64)
def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}\r\nserver: {SERVER_NAME}\r\ndate: ".encode()


def start(status: int, date: bytes, connection: bytes) -> bytes:
    """Status line, Server and Date; `connection` is a whole header line or nothing. An HTTP/1.0 client reads 1.1 as
    well: the version is the server's own (RFC 9110, 6.2).
    """
    return b"%b%b\r\n%b" % (_status_line(status), date, connection)


def lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Header lines; the values come from a parser or from us, so none has a line end."""
    return b"".join([b"%b: %b\r\n" % field for field in fields])


@lru_cache(maxsize=1)
def date(now_s: int) -> bytes:
    """The value of Date (RFC 9110, 6.6.1) for seconds since the epoch."""
    return formatdate(now_s, usegmt=True).encode()
