"""Answers as no engine should give them, or as few do: what is sent, and what the client must get of it.

Data, not code: `test_malformed_answers` plays every row against a GET. An answer whose end is uncertain is no answer:
the client is told 502, and the engine's connection is not used again. Nothing of the engine's own hop, and nothing
that it says of itself, passes.
"""

from __future__ import annotations

from dataclasses import dataclass

BODY = b'{"version":"1"}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
JSON = b"Content-Type: application/json\r\n"
# what comes without having been asked for must reach nobody
STRAY = b"HTTP/1.1 200 OK\r\n" + JSON + b'Content-Length: 15\r\n\r\n{"stray":"yes"}'


@dataclass(frozen=True)
class Row:
    """`status`: what the client gets. `body`: the engine's own, or None for an error of ours. `then_close`: the engine
    ends its connection. `gone`: what must not be in the client's answer, in lower case; `kept`: what must.
    """

    sent: bytes
    status: int = 200
    body: bytes | None = BODY
    then_close: bool = False
    gone: bytes = b"stray"
    kept: bytes = b""


def answer(fields: bytes = b"", rest: bytes = BODY, *, first: bytes = b"HTTP/1.1 200 OK\r\n") -> bytes:
    return first + JSON + fields + b"\r\n" + rest


def whole(fields: bytes, gone: bytes = b"stray", kept: bytes = b"") -> Row:
    return Row(answer(LENGTH + fields), gone=gone, kept=kept)


def lost(sent: bytes, *, then_close: bool = False) -> Row:
    return Row(sent, 502, None, then_close)


def in_chunks(rest: bytes) -> bytes:
    return answer(b"Transfer-Encoding: chunked\r\n", rest)


FIELDS = {
    "a field that Connection names": whole(b"Connection: X-Hop\r\nX-Hop: mine\r\n", b"x-hop"),
    "a field that a second Connection names": whole(
        b"Connection: keep-alive\r\nX-Hop: mine\r\nConnection: close, x-hop\r\n", b"x-hop"
    ),
    "Connection: close": whole(b"Connection: close\r\n", b"connection:"),
    "Keep-Alive": whole(b"Keep-Alive: timeout=5\r\n", b"keep-alive"),
    "Proxy-Authenticate": whole(b"Proxy-Authenticate: Basic\r\n", b"proxy-auth"),
    "Proxy-Connection": whole(b"Proxy-Connection: close\r\n", b"proxy-conn"),
    "Upgrade": whole(b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"h2c"),
    "Trailer": whole(b"Trailer: X\r\n", b"trailer"),
    "Server": whole(b"Server: uvicorn 0.30\r\n", b"uvicorn"),
    "another id": whole(b"X-Request-Id: engine\r\n", b"engine"),
    "CORS": whole(b"Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n", b"access-control"),
    "a field of its own": whole(b"X-Mine: a b\r\n", kept=b"x-mine: a b\r\n"),
    "a field twice": whole(b"Set-Cookie: a\r\nSet-Cookie: b\r\n", kept=b"set-cookie: a\r\nset-cookie: b\r\n"),
    "a field in UTF-8": whole(b"X-Name: \xc3\xa4\r\n", kept=b"x-name: \xc3\xa4\r\n"),
    "a folded field": lost(answer(LENGTH + b"X: a\r\n b\r\n")),
    "a bare LF after a field": lost(answer(LENGTH + b"X: y\n")),
    "a bare LF in a value": lost(answer(LENGTH + b"X: y\nStray: z\r\n")),
    "a bare CR in a value": lost(answer(LENGTH + b"X: y\rStray: z\r\n")),
    "a NUL in a value": lost(answer(LENGTH + b"X: \x00\r\n")),
    "a field without a name": lost(answer(LENGTH + b": y\r\n")),
    "a field without a colon": lost(answer(LENGTH + b"stray\r\n")),
    "a head too large": lost(answer(LENGTH + b"X: " + b"y" * 600_000 + b"\r\n")),
    "a head without end": lost(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000),
}

LINES = {
    "no reason": Row(answer(LENGTH, first=b"HTTP/1.1 200\r\n")),
    "HTTP/1.0": Row(answer(LENGTH, first=b"HTTP/1.0 200 OK\r\n")),
    "another status": Row(answer(LENGTH, first=b"HTTP/1.1 418 I'm a teapot\r\n"), 418),
    "HTTP/2.0": lost(answer(LENGTH, first=b"HTTP/2.0 200 OK\r\n")),
    "HTTP/0.9": lost(BODY, then_close=True),
    "a status of two digits": lost(answer(LENGTH, first=b"HTTP/1.1 20 OK\r\n")),
    "a status of four digits": lost(answer(LENGTH, first=b"HTTP/1.1 2000 OK\r\n")),
    "a status in words": lost(answer(LENGTH, first=b"HTTP/1.1 OK OK\r\n")),
    "a status of zero": lost(answer(LENGTH, first=b"HTTP/1.1 000 OK\r\n")),
    "no HTTP": lost(b"BROKEN\r\n\r\n"),
    "nothing": lost(b"", then_close=True),
    "half a head": lost(b"HTTP/1.1 200 OK\r\nContent-", then_close=True),
    "100 before it": Row(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(LENGTH)),
    "103 before it": Row(b"HTTP/1.1 103 Early Hints\r\nLink: stray\r\n\r\n" + answer(LENGTH)),
    "100 without end": lost(b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000, then_close=True),
    "110 with a body": lost(answer(LENGTH, first=b"HTTP/1.1 110 Stray\r\n")),
    "101": lost(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: stray\r\n\r\n"),
}

BODIES = {
    "a length": Row(answer(LENGTH)),
    "chunks": Row(in_chunks(b"f\r\n" + BODY + b"\r\n0\r\n\r\n"), gone=b"chunked"),
    "chunks with an extension": Row(in_chunks(b"f;stray\r\n" + BODY + b"\r\n0\r\n\r\n")),
    "chunks with trailers": Row(in_chunks(b"f\r\n" + BODY + b"\r\n0\r\nX: stray\r\n\r\n")),
    "until it closes": Row(answer(), then_close=True),
    "until it closes, in HTTP/1.0": Row(answer(first=b"HTTP/1.0 200 OK\r\n"), then_close=True),
    "a body that it may not have": Row(b"HTTP/1.1 204 No Content\r\n" + LENGTH + b"\r\n" + BODY, 204, b""),
    "no content": Row(b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "not modified": Row(b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, b""),
    "a length and chunks": lost(answer(LENGTH + b"Transfer-Encoding: chunked\r\n", b"f\r\n" + BODY + b"\r\n0\r\n\r\n")),
    "chunks and a length": lost(answer(b"Transfer-Encoding: chunked\r\n" + LENGTH, b"f\r\n" + BODY + b"\r\n0\r\n\r\n")),
    "two lengths": lost(answer(LENGTH + b"Content-Length: 2\r\n")),
    "two lengths that agree": lost(answer(LENGTH + LENGTH)),
    "a list of lengths": lost(answer(b"Content-Length: 15, 15\r\n")),
    "a length below zero": lost(answer(b"Content-Length: -1\r\n")),
    "a length that is no number": lost(answer(b"Content-Length: x\r\n")),
    "a length beyond 64 bits": lost(answer(b"Content-Length: 18446744073709551631\r\n")),
    "a length too long": lost(answer(b"Content-Length: 16\r\n"), then_close=True),
    "an unknown coding": lost(answer(b"Transfer-Encoding: gzip\r\n"), then_close=True),
    "a coding under the chunks": lost(
        answer(b"Transfer-Encoding: gzip, chunked\r\n", b"f\r\n" + BODY + b"\r\n0\r\n\r\n"), then_close=True
    ),
    "a size that is no number": lost(in_chunks(b"zz\r\n" + BODY + b"\r\n0\r\n\r\n")),
    "a size that ends in a bare LF": lost(in_chunks(b"f\n" + BODY + b"\r\n0\r\n\r\n")),
    "a size too small": lost(in_chunks(b"e\r\n" + BODY + b"\r\n0\r\n\r\n")),
    "a size beyond 64 bits": lost(in_chunks(b"1000000000000000f\r\n" + BODY + b"\r\n0\r\n\r\n")),
    "chunks without a last one": lost(in_chunks(b"f\r\n" + BODY + b"\r\n"), then_close=True),
    "half a chunk": lost(in_chunks(b"f\r\n" + BODY[:5]), then_close=True),
    "half of the last chunk": lost(in_chunks(b"f\r\n" + BODY + b"\r\n0\r\n"), then_close=True),
    "more than its length": Row(answer(LENGTH) + b"stray"),
    "more than its chunks": Row(in_chunks(b"f\r\n" + BODY + b"\r\n0\r\n\r\nstray")),
    "a second answer": Row(answer(LENGTH) + STRAY),
    "a second answer in chunks": Row(in_chunks(b"f\r\n" + BODY + b"\r\n0\r\n\r\n") + STRAY),
    "a second answer behind none": Row(b"HTTP/1.1 204 No Content\r\n\r\n" + STRAY, 204, b""),
}

ANSWERS: dict[str, Row] = FIELDS | LINES | BODIES
