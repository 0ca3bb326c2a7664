"""Requests as nobody should send them, or as few do: what is sent, what must come back, what the engine may see.

Data, not code: `test_malformed` plays every row. A row that is sent in several pieces waits for the answer to each
piece before it sends the next. Sources: RFC 9112 (messages), RFC 9110 (fields, targets), and the shapes that request
smuggling is made of (CL.TE, TE.CL, TE.TE, TERM.EXT, a second request in a body).

Three rules of thumb stand behind the column `then`. Whoever breaks the framing or the grammar of a head is answered
400 and closed: nobody can tell where its next request begins. Whoever asks properly for what there is not is refused
and kept. Whoever does not finish is answered 408 and closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MAX_HEAD_BYTES = 8192
MAX_BODY_BYTES = 65_536
TIMEOUT_S = 0.4

BODY = b'{"model":"tiny","prompt":"x"}'
JSON = b"Content-Type: application/json\r\n"
CHUNK = b"%x\r\n%s\r\n" % (len(BODY), BODY)
LAST = b"0\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
# what a smuggled request would ask for: the word must reach the engine nowhere but inside of a body that it belongs to
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: door\r\n\r\n"


class Then(Enum):
    """What is left of the connection after the answers."""

    KEPT = "kept"
    CLOSED = "closed"
    EITHER = "kept if all of the request was there before its answer, else closed"


@dataclass(frozen=True)
class Row:
    """`answers`: the statuses in order, 100 included. `reached`: (method and target, body) of each request that the
    engine must have seen, and it must have seen no others. `gone`: what no byte of the engine's side may contain, in
    lower case. `head`: the answers have no body, whatever their length says.
    """

    sent: tuple[bytes, ...]
    answers: tuple[int, ...]
    then: Then
    reached: tuple[tuple[bytes, bytes], ...] = ()
    gone: tuple[bytes, ...] = (b"smuggled",)
    head: bool = False


def post(fields: bytes, rest: bytes, *, first: bytes = b"POST /v1/completions HTTP/1.1\r\nHost: door\r\n") -> bytes:
    return first + JSON + fields + b"\r\n" + rest


def get(fields: bytes = b"", *, first: bytes = b"GET /version HTTP/1.1\r\nHost: door\r\n") -> bytes:
    return first + fields + b"\r\n"


COMPLETION = (b"POST /v1/completions", BODY)
VERSION = (b"GET /version", b"")


def passes(*sent: bytes, then: Then = Then.KEPT, what: tuple[bytes, bytes] = COMPLETION, gone: bytes = b"") -> Row:
    """Goes through to the engine, once."""
    return Row(sent, (200,), then, (what,), (b"smuggled", gone.lower()) if gone else (b"smuggled",))


def bad(*sent: bytes, status: int = 400) -> Row:
    """Is refused, and the connection with it."""
    return Row(sent, (status,), Then.CLOSED)


def refused(status: int, *sent: bytes) -> Row:
    """Is refused, and the next request is welcome."""
    return Row(sent, (status,), Then.KEPT)


def chunks(rest: bytes, fields: bytes = b"") -> bytes:
    return post(CHUNKED + fields, rest)


LENGTHS = {
    "two lengths that differ": bad(post(LENGTH + b"Content-Length: 5\r\n", BODY + SMUGGLED)),
    "two lengths that agree": bad(post(LENGTH + LENGTH, BODY)),
    "a list of lengths": bad(post(b"Content-Length: 29, 29\r\n", BODY)),
    "a length with a plus": bad(post(b"Content-Length: +29\r\n", BODY)),
    "a length below zero": bad(post(b"Content-Length: -1\r\n", BODY)),
    "a length in hexadecimal": bad(post(b"Content-Length: 0x1d\r\n", BODY)),
    "a length with an underscore": bad(post(b"Content-Length: 2_9\r\n", BODY)),
    "a length with a blank in it": bad(post(b"Content-Length: 2 9\r\n", BODY)),
    "a length with a point": bad(post(b"Content-Length: 29.0\r\n", BODY)),
    "a length of nothing": bad(post(b"Content-Length:\r\n", BODY)),
    "a length in other digits": bad(post(b"Content-Length: \xd9\xa2\xd9\xa9\r\n", BODY)),
    "a length beyond 64 bits": bad(post(b"Content-Length: 18446744073709551645\r\n", BODY)),
    "a length of 40 digits": bad(post(b"Content-Length: " + b"9" * 40 + b"\r\n", BODY)),
    "a length behind a vertical tab": bad(post(b"Content-Length: \x0b29\r\n", BODY)),
    "a length with zeros before it": passes(post(b"Content-Length: 0029\r\n", BODY)),
    "a length between blanks": passes(post(b"Content-Length: \t 29 \t\r\n", BODY)),
    "a length in odd letters": passes(post(b"cOnTeNt-LeNgTh: 29\r\n", BODY)),
    "a length and a blank before the colon": bad(post(b"Content-Length : 29\r\n", BODY)),
    "a length too short for the body": Row((post(LENGTH, BODY + b"}"),), (200, 400), Then.CLOSED, (COMPLETION,)),
    "a request in a body": Row((post(b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED),), (400,), Then.KEPT),
    "a get with a body that looks like a request": Row(
        (get(b"Content-Length: %d\r\n" % len(SMUGGLED)) + SMUGGLED,), (200,), Then.KEPT, (VERSION,)
    ),
    "a body too large by what its head says": Row(
        (post(b"Content-Length: %d\r\n" % (MAX_BODY_BYTES + 1), b""),), (413,), Then.CLOSED
    ),
    "a body of a hundred gigabytes": Row((post(b"Content-Length: 107374182400\r\n", b"{"),), (413,), Then.CLOSED),
    "a body that stops half-way": bad(post(LENGTH, BODY[:9]), status=408),
}

CODINGS = {
    "a length, then chunks": bad(post(LENGTH + CHUNKED, LAST + SMUGGLED)),
    "chunks, then a length": bad(post(CHUNKED + LENGTH, LAST + SMUGGLED)),
    "a length of zero and chunks": bad(post(b"Content-Length: 0\r\n" + CHUNKED, CHUNK + LAST)),
    "a length and chunks far apart": bad(post(LENGTH + b"X-Fill: y\r\n" * 20 + CHUNKED, LAST + SMUGGLED)),
    "a length and an unknown coding": bad(post(LENGTH + b"Transfer-Encoding: xchunked\r\n", BODY)),
    "a length and a coding of nothing": bad(post(LENGTH + b"Transfer-Encoding:\r\n", BODY)),
    "a coding of nothing": bad(post(b"Transfer-Encoding:\r\n", LAST)),
    "an unknown coding": bad(post(b"Transfer-Encoding: xchunked\r\n", CHUNK + LAST)),
    "a coding under the chunks": bad(post(b"Transfer-Encoding: gzip, chunked\r\n", CHUNK + LAST)),
    "a coding over the chunks": bad(post(b"Transfer-Encoding: chunked, gzip\r\n", CHUNK + LAST)),
    "chunked twice in a line": bad(post(b"Transfer-Encoding: chunked, chunked\r\n", CHUNK + LAST)),
    "chunked twice": bad(post(CHUNKED + CHUNKED, CHUNK + LAST)),
    "chunked, then identity": bad(post(CHUNKED + b"Transfer-Encoding: identity\r\n", CHUNK + LAST)),
    "identity": bad(post(b"Transfer-Encoding: identity\r\n" + LENGTH, BODY)),
    "chunked with a parameter": bad(post(b"Transfer-Encoding: chunked;q=1\r\n", CHUNK + LAST)),
    "chunked in quotes": bad(post(b'Transfer-Encoding: "chunked"\r\n', CHUNK + LAST)),
    "chunked behind a comma": bad(post(b"Transfer-Encoding: ,chunked\r\n", CHUNK + LAST)),
    "chunked behind a vertical tab": bad(post(b"Transfer-Encoding: \x0bchunked\r\n", CHUNK + LAST)),
    "chunked and a blank before the colon": bad(post(b"Transfer-Encoding : chunked\r\n" + LENGTH, BODY)),
    "chunked on a folded line": bad(post(b"Transfer-Encoding:\r\n chunked\r\n", CHUNK + LAST)),
    "chunked in odd letters": passes(post(b"tRANSFER-eNCODING: ChUnKeD\r\n", CHUNK + LAST), gone=b"transfer-encoding"),
    "chunked behind a tab": passes(post(b"Transfer-Encoding:\tchunked\r\n", CHUNK + LAST), gone=b"transfer-encoding"),
    "chunked before a tab": bad(post(b"Transfer-Encoding: chunked\t\r\n", CHUNK + LAST)),
    "chunked in HTTP/1.0": bad(post(CHUNKED, CHUNK + LAST, first=b"POST /v1/completions HTTP/1.0\r\nHost: door\r\n")),
    "chunked by another name and a length": passes(
        post(b"Transfer_Encoding: chunked\r\n" + LENGTH, BODY), gone=b"transfer_encoding"
    ),
    "a compressed body": Row((post(b"Content-Encoding: gzip\r\n" + LENGTH, b"\x1f" * 29),), (415,), Then.KEPT),
    "a body compressed twice": Row(
        (post(b"Content-Encoding: identity\r\nContent-Encoding: br\r\n" + LENGTH, BODY),), (415,), Then.KEPT
    ),
    "a compressed body in chunks": Row((chunks(CHUNK + LAST, b"Content-Encoding: deflate\r\n"),), (415,), Then.CLOSED),
    "a body said not to be compressed": passes(post(b"Content-Encoding: identity\r\n" + LENGTH, BODY)),
}

CHUNKS = {
    "a body in chunks": passes(chunks(CHUNK + LAST), gone=b"transfer-encoding"),
    "a body in chunks of one byte": passes(chunks(b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + LAST)),
    "chunks with an extension": passes(chunks(b"1d;a=b;c\r\n" + BODY + b"\r\n0;last\r\n\r\n"), gone=b"a=b"),
    "chunks with a quoted extension": passes(chunks(b'1d;a="b;c"\r\n' + BODY + b"\r\n" + LAST), gone=b"b;c"),
    "chunks with an endless extension": bad(chunks(b"1d;" + b"a" * 1_000_000 + b"\r\n" + BODY + b"\r\n" + LAST)),
    "an extension that ends in a bare LF": bad(chunks(b"1d;\n" + BODY + b"\r\n" + LAST)),
    "an extension with a bare CR": bad(chunks(b"1d;a\rb\r\n" + BODY + b"\r\n" + LAST)),
    "a quoted extension over the end of the line": bad(chunks(b'1d;a="\r\n' + BODY + b'"\r\n\r\n' + LAST)),
    "zeros before a size": passes(chunks(b"0001d\r\n" + BODY + b"\r\n000\r\n\r\n")),
    "a size in large letters": passes(chunks(b"1D\r\n" + BODY + b"\r\n" + LAST)),
    "a size that is no number": bad(chunks(b"zz\r\n" + BODY + b"\r\n" + LAST)),
    "a size of nothing": bad(chunks(b"\r\n" + BODY + b"\r\n" + LAST)),
    "a size below zero": bad(chunks(b"-1d\r\n" + BODY + b"\r\n" + LAST)),
    "a size with a plus": bad(chunks(b"+1d\r\n" + BODY + b"\r\n" + LAST)),
    "a size with a prefix": bad(chunks(b"0x1d\r\n" + BODY + b"\r\n" + LAST)),
    "a size with a blank after it": bad(chunks(b"1d \r\n" + BODY + b"\r\n" + LAST)),
    "a size with a blank before it": bad(chunks(b" 1d\r\n" + BODY + b"\r\n" + LAST)),
    "a size that ends in a bare LF": bad(chunks(b"1d\n" + BODY + b"\r\n" + LAST)),
    "a size beyond 64 bits": bad(chunks(b"1000000000000001d\r\n" + BODY + b"\r\n" + LAST)),
    "a size of 64 bits that does not come": bad(chunks(b"ffffffffffffffff\r\n" + BODY), status=408),
    "a size of 64 bits": bad(chunks(b"ffffffffffffffff\r\n" + b" " * (MAX_BODY_BYTES + 1)), status=413),
    "a chunk over the limit": bad(chunks(b"10001\r\n" + b" " * (MAX_BODY_BYTES + 1) + b"\r\n"), status=413),
    "chunks over the limit": bad(chunks((b"8000\r\n" + b" " * 32_768 + b"\r\n") * 2 + b"1\r\n \r\n"), status=413),
    "chunks just within": refused(400, chunks((b"8000\r\n" + b" " * 32_768 + b"\r\n") * 2 + LAST)),
    "a chunk longer than its size": bad(chunks(b"1d\r\n" + BODY + b"x\r\n" + LAST)),
    "a chunk that ends in a bare LF": bad(chunks(b"1d\r\n" + BODY + b"\n" + LAST)),
    "a chunk shorter than its size": bad(chunks(b"1e\r\n" + BODY + b"\r\n" + LAST)),
    "chunks without a last one": bad(chunks(CHUNK), status=408),
    "chunks whose last line is missing": bad(chunks(CHUNK + b"0\r\n"), status=408),
    "trailers": passes(chunks(CHUNK + b"0\r\nX-Trailer: secret\r\n\r\n", b"Trailer: X-Trailer\r\n"), gone=b"x-trailer"),
    "a length among the trailers": bad(chunks(CHUNK + b"0\r\nContent-Length: 50\r\n\r\n" + SMUGGLED)),
    "an id among the trailers": passes(chunks(CHUNK + b"0\r\nX-Request-Id: trailing\r\n\r\n"), gone=b"trailing"),
    "a key among the trailers": passes(chunks(CHUNK + b"0\r\nAuthorization: Bearer t\r\n\r\n"), gone=b"bearer t"),
    "a trailer that is none": bad(chunks(CHUNK + b"0\r\nno colon\r\n\r\n")),
    "a folded trailer": bad(chunks(CHUNK + b"0\r\nX: a\r\n b\r\n\r\n")),
    "trailers without end": bad(chunks(CHUNK + b"0\r\n" + b"X: y\r\n" * 20_000)),
    "garbage after the chunks": Row(
        (chunks(CHUNK + LAST + b"garbage\r\n\r\n"),), (200, 400), Then.CLOSED, (COMPLETION,)
    ),
    "chunks to a get": Row((get(CHUNKED) + CHUNK + LAST,), (200,), Then.EITHER, (VERSION,)),
}

LINES = {
    "a folded field": bad(get(b"X-Folded: a\r\n b\r\n")),
    "a field folded with a tab": bad(get(b"X-Folded: a\r\n\tb\r\n")),
    "a first field that is folded": bad(b"GET /version HTTP/1.1\r\n Host: door\r\n\r\n"),
    "a fold of nothing": bad(get(b"X-Folded: a\r\n \r\n")),
    "bare LF throughout": bad(b"GET /version HTTP/1.1\nHost: door\n\n"),
    "a bare LF after the request line": bad(b"GET /version HTTP/1.1\nHost: door\r\n\r\n"),
    "a bare LF after a field": bad(get(b"X: y\n")),
    "a bare LF for the empty line": bad(b"GET /version HTTP/1.1\r\nHost: door\r\n\n"),
    "a bare LF that hides a field": bad(get(b"X: y\nTransfer-Encoding: chunked\r\n") + SMUGGLED),
    "a bare CR that hides a field": bad(get(b"X: y\rTransfer-Encoding: chunked\r\n") + SMUGGLED),
    "bare CR throughout": bad(b"GET /version HTTP/1.1\rHost: door\r\r"),
    "a CR too many": bad(get(b"X: y\r\r\n")),
    "a NUL in a value": bad(get(b"X: a\x00b\r\n")),
    "a NUL in a name": bad(get(b"X\x00Y: a\r\n")),
    "a NUL in the target": bad(get(first=b"GET /version\x00 HTTP/1.1\r\nHost: door\r\n")),
    "a control character in a value": bad(get(b"X: a\x01b\r\n")),
    "an escape in a value": bad(get(b"X: \x1b[2J\r\n")),
    "a DEL in a value": bad(get(b"X: a\x7fb\r\n")),
    "a field without a name": bad(get(b": a\r\n")),
    "a field without a colon": bad(get(b"NoColon\r\n")),
    "a name with a blank": bad(get(b"X Y: a\r\n")),
    "a name with a slash": bad(get(b"X/Y: a\r\n")),
    "a name in no ASCII": bad(get(b"X-\xc3\xa4: a\r\n")),
    "a blank before the colon": bad(get(b"X : a\r\n")),
    "a tab before the colon": bad(get(b"X\t: a\r\n")),
    "a blank before the request line": bad(b" GET /version HTTP/1.1\r\nHost: door\r\n\r\n"),
    "a blank after the version": bad(b"GET /version HTTP/1.1 \r\nHost: door\r\n\r\n"),
    "tabs in the request line": bad(b"GET\t/version\tHTTP/1.1\r\nHost: door\r\n\r\n"),
    "a blank in the target": bad(b"GET /version /x HTTP/1.1\r\nHost: door\r\n\r\n"),
    "no target": bad(b"GET HTTP/1.1\r\nHost: door\r\n\r\n"),
    "empty lines before the request": passes(b"\r\n\r\n" + get(), what=VERSION),
    "an empty value": passes(get(b"X-Empty:\r\n"), what=VERSION),
    "a value in UTF-8": passes(get(b"X-Name: \xc3\xa4\r\n"), what=VERSION),
}

VERSIONS = {
    "HTTP/0.9": bad(b"GET /version\r\n\r\n"),
    "HTTP/1.2": bad(get(first=b"GET /version HTTP/1.2\r\nHost: door\r\n")),
    "HTTP/1.10": bad(get(first=b"GET /version HTTP/1.10\r\nHost: door\r\n")),
    "HTTP/01.1": bad(get(first=b"GET /version HTTP/01.1\r\nHost: door\r\n")),
    "HTTP/2.0": bad(get(first=b"GET /version HTTP/2.0\r\nHost: door\r\n")),
    "HTTP/3": bad(get(first=b"GET /version HTTP/3\r\nHost: door\r\n")),
    "http in small letters": bad(get(first=b"GET /version http/1.1\r\nHost: door\r\n")),
    "another protocol's version": bad(get(first=b"GET /version ICE/1.0\r\nHost: door\r\n")),
    "a radio's request": bad(get(first=b"SOURCE /version ICE/1.0\r\nHost: door\r\n")),
    "a film's request": bad(get(first=b"DESCRIBE /version RTSP/1.0\r\nHost: door\r\n")),
    "the preface of HTTP/2": bad(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
    "a TLS hello": bad(bytes.fromhex("16030100c8010000c40303") + b"\x5a" * 193),
    "an SSH greeting": bad(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "HTTP/1.0": passes(get(first=b"GET /version HTTP/1.0\r\nHost: door\r\n"), then=Then.CLOSED, what=VERSION),
    "HTTP/1.0 without a host": passes(get(first=b"GET /version HTTP/1.0\r\n"), then=Then.CLOSED, what=VERSION),
    "HTTP/1.0 that wants to stay": passes(
        get(b"Connection: keep-alive\r\n", first=b"GET /version HTTP/1.0\r\nHost: door\r\n"), what=VERSION
    ),
    "HTTP/1.0 with a body": passes(
        post(LENGTH, BODY, first=b"POST /v1/completions HTTP/1.0\r\nHost: door\r\n"), then=Then.CLOSED
    ),
    "HTTP/1.0 with two requests": passes(
        get(first=b"GET /version HTTP/1.0\r\nHost: door\r\n") + SMUGGLED, then=Then.CLOSED, what=VERSION
    ),
}

HOSTS = (
    {
        "no host": bad(b"GET /version HTTP/1.1\r\n\r\n"),
        "two hosts": bad(get(b"Host: other\r\n")),
        "two hosts that agree": bad(get(b"Host: door\r\n")),
        "no host and a body": bad(post(LENGTH, BODY, first=b"POST /v1/completions HTTP/1.1\r\n")),
    }
    | {
        f"the host {host.decode()!r}": bad(b"GET /version HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        for host in (
            b"",
            b"a b",
            b"user@door",
            b"door/path",
            b"door?query",
            b"door#part",
            b"door\\path",
            b"door,other",
            b"http://door",
            b"door:",
            b"door:http",
            b"door:99999",
            b"door:80:80",
            b":80",
            b"[::1",
            b"[door]",
            b"::1",
            b"<script>",
            b"do%6fr",
        )
    }
    | {
        f"the host {host.decode()!r}": passes(b"GET /version HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", what=VERSION)
        for host in (b"door", b"Door.Local:8000", b"127.0.0.1", b"[::1]:8000", b"[fe80::1]", b"door.")
    }
)

HOP_BY_HOP = {
    "a field that Connection names": passes(get(b"Connection: X-Hop\r\nX-Hop: mine\r\n"), what=VERSION, gone=b"x-hop"),
    "a field that Connection names later": passes(
        get(b"X-Hop: mine\r\nConnection: x-hop\r\n"), what=VERSION, gone=b"x-hop"
    ),
    "several that Connection names": passes(
        get(b"Connection: keep-alive , X-Hop,,X-Hip\r\nX-Hop: mine\r\nX-Hip: too\r\n"), what=VERSION, gone=b"x-h"
    ),
    "a second Connection that names one": passes(
        get(b"Connection: keep-alive\r\nConnection: X-Hop\r\nX-Hop: mine\r\n"), what=VERSION, gone=b"x-hop"
    ),
    "Connection names the length": passes(post(b"Connection: Content-Length\r\n" + LENGTH, BODY)),
    "Connection names the host": passes(get(b"Connection: Host\r\n"), what=VERSION),
    "Connection names the coding": passes(chunks(CHUNK + LAST, b"Connection: Transfer-Encoding\r\n")),
    "Connection names the type": passes(
        get(b"Connection: X-Request-Id, X-Forwarded-For\r\nX-Request-Id: mine\r\n"), what=VERSION
    ),
    "Keep-Alive": passes(get(b"Keep-Alive: timeout=5\r\n"), what=VERSION, gone=b"keep-alive"),
    "Proxy-Connection": passes(get(b"Proxy-Connection: keep-alive\r\n"), what=VERSION, gone=b"proxy-connection"),
    "Proxy-Authorization": passes(get(b"Proxy-Authorization: Basic eDp5\r\n"), what=VERSION, gone=b"proxy-auth"),
    "TE": passes(get(b"TE: trailers\r\nConnection: TE\r\n"), what=VERSION, gone=b"trailers"),
    "Trailer": passes(get(b"Trailer: X\r\n"), what=VERSION, gone=b"trailer"),
    "a forged address": passes(get(b"X-Forwarded-For: 192.0.2.7\r\n"), what=VERSION, gone=b"192.0.2.7"),
    "a forged proxy": passes(get(b"Forwarded: for=192.0.2.7\r\n"), what=VERSION, gone=b"192.0.2.7"),
    "a proxy's address in another spelling": passes(
        get(b"X_Forwarded_For: 192.0.2.7\r\n"), what=VERSION, gone=b"192.0.2.7"
    ),
    "an encoding that the engine must not use": passes(get(b"Accept-Encoding: gzip\r\n"), what=VERSION, gone=b"gzip"),
    "Connection: close": passes(get(b"Connection: close\r\n"), then=Then.CLOSED, what=VERSION),
    "Connection: close among others": passes(get(b"Connection: x, CLOSE\r\n"), then=Then.CLOSED, what=VERSION),
    "close and keep-alive": passes(get(b"Connection: keep-alive, close\r\n"), then=Then.CLOSED, what=VERSION),
    "a request after close": passes(get(b"Connection: close\r\n") + SMUGGLED, then=Then.CLOSED, what=VERSION),
}

EXPECTATIONS = {
    "a body that waits for 100": Row(
        (post(b"Expect: 100-continue\r\n" + LENGTH, b""), BODY), (100, 200), Then.KEPT, (COMPLETION,), (b"expect",)
    ),
    "100-Continue in odd letters": Row(
        (post(b"EXPECT: 100-Continue\r\n" + LENGTH, b""), BODY), (100, 200), Then.KEPT, (COMPLETION,), (b"expect",)
    ),
    "chunks that wait for 100": Row(
        (chunks(b"", b"Expect: 100-continue\r\n"), CHUNK + LAST), (100, 200), Then.KEPT, (COMPLETION,), (b"expect",)
    ),
    "no body that waits for 100": passes(get(b"Expect: 100-continue\r\n"), what=VERSION, gone=b"expect"),
    "a refused body that waits for 100": Row(
        (post(b"Expect: 100-continue\r\n" + LENGTH, b"", first=b"POST /nowhere HTTP/1.1\r\nHost: door\r\n"),),
        (404,),
        Then.CLOSED,
    ),
    "a large body that waits for 100": Row(
        (post(b"Expect: 100-continue\r\nContent-Length: 999999\r\n", b""),), (413,), Then.CLOSED
    ),
    "an expectation of HTTP/1.0": passes(
        post(b"Expect: 100-continue\r\n" + LENGTH, BODY, first=b"POST /v1/completions HTTP/1.0\r\nHost: door\r\n"),
        then=Then.CLOSED,
        gone=b"expect",
    ),
    "an expectation that nobody knows": bad(post(b"Expect: cake\r\n" + LENGTH, BODY), status=417),
}

PIPELINES = {
    "three in one write": Row((get() * 3,), (200, 200, 200), Then.KEPT, (VERSION,) * 3),
    "three with bodies": Row((post(LENGTH, BODY) * 3,), (200, 200, 200), Then.KEPT, (COMPLETION,) * 3),
    "three of three kinds": Row(
        (get() + chunks(CHUNK + LAST) + get(),), (200, 200, 200), Then.KEPT, (VERSION, COMPLETION, VERSION)
    ),
    "the second is malformed": Row((get() + b"BROKEN\r\n\r\n" + SMUGGLED,), (200, 400), Then.CLOSED, (VERSION,)),
    "the second has two lengths": Row(
        (get() + post(LENGTH + b"Content-Length: 5\r\n", BODY),), (200, 400), Then.CLOSED, (VERSION,)
    ),
    "the second has a bad chunk": Row((get() + chunks(b"zz\r\n"),), (200, 400), Then.CLOSED, (VERSION,)),
    "the second is refused": Row((get() + SMUGGLED + get(),), (200, 404, 200), Then.KEPT, (VERSION, VERSION)),
    "the first is refused with its body": Row(
        (post(LENGTH, BODY, first=b"POST /nowhere HTTP/1.1\r\nHost: door\r\n") + get(),),
        (404, 200),
        Then.KEPT,
        (VERSION,),
    ),
    "the first is refused with its chunks": Row(
        (post(CHUNKED, CHUNK + LAST, first=b"POST /nowhere HTTP/1.1\r\nHost: door\r\n") + SMUGGLED,),
        (404,),
        Then.CLOSED,
    ),
    "the second comes while the first waits": Row(
        (post(b"Expect: 100-continue\r\n" + LENGTH, b""), BODY + get()),
        (100, 200, 200),
        Then.KEPT,
        (COMPLETION, VERSION),
    ),
    "the last one closes": Row((get() + get(b"Connection: close\r\n"),), (200, 200), Then.CLOSED, (VERSION, VERSION)),
    "the first one closes": Row((get(b"Connection: close\r\n") + get(),), (200,), Then.CLOSED, (VERSION,)),
    "as many as are remembered": Row((get() * 17,), (200,) * 17, Then.KEPT, (VERSION,) * 17),
    "more than are remembered, and more later": Row(
        (get() * 18, get() * 3), (200,) * 17 + (400,), Then.CLOSED, (VERSION,) * 17
    ),
    "more than are remembered": Row((get() * 100,), (200,) * 17 + (400,), Then.CLOSED, (VERSION,) * 17),
    "the second is half there": Row((get() + b"GET /ver",), (200, 408), Then.CLOSED, (VERSION,)),
}

TARGETS = {
    "the absolute form": passes(get(first=b"GET http://door/version HTTP/1.1\r\nHost: door\r\n"), what=VERSION),
    "the absolute form with another host": bad(get(first=b"GET http://door/version HTTP/1.1\r\nHost: other\r\n")),
    "the absolute form with a name in it": bad(get(first=b"GET http://user@door/version HTTP/1.1\r\nHost: door\r\n")),
    "the absolute form of another scheme": bad(get(first=b"GET file:///version HTTP/1.1\r\nHost: door\r\n")),
    "the absolute form without a path": refused(404, get(first=b"GET http://door HTTP/1.1\r\nHost: door\r\n")),
    "the absolute form without a host": bad(get(first=b"GET http:///version HTTP/1.1\r\nHost: door\r\n")),
    "the authority form": bad(get(first=b"GET door:80 HTTP/1.1\r\nHost: door\r\n")),
    "CONNECT": bad(get(first=b"CONNECT door:80 HTTP/1.1\r\nHost: door:80\r\n") + SMUGGLED),
    "CONNECT with a path": bad(get(first=b"CONNECT /version HTTP/1.1\r\nHost: door\r\n")),
    "OPTIONS of everything": refused(404, get(first=b"OPTIONS * HTTP/1.1\r\nHost: door\r\n")),
    "an asterisk": refused(404, get(first=b"GET * HTTP/1.1\r\nHost: door\r\n")),
    "a target without a slash": bad(get(first=b"GET version HTTP/1.1\r\nHost: door\r\n")),
    "a fragment": bad(get(first=b"GET /version#part HTTP/1.1\r\nHost: door\r\n")),
    "a target in no ASCII": bad(get(first=b"GET /versi\xc3\xb6n HTTP/1.1\r\nHost: door\r\n")),
    "a backslash": bad(get(first=b"GET \\version HTTP/1.1\r\nHost: door\r\n")),
    "a query": passes(
        get(first=b"GET /version?a=%2f..%2F//;b&c=\xc3 HTTP/1.1\r\nHost: door\r\n".replace(b"\xc3", b"%C3")),
        what=(b"GET /version?a=%2f..%2F//;b&c=%C3", b""),
    ),
    "an empty query": passes(get(first=b"GET /version? HTTP/1.1\r\nHost: door\r\n"), what=(b"GET /version?", b"")),
    "a question mark in a query": passes(
        get(first=b"GET /version?a?b HTTP/1.1\r\nHost: door\r\n"), what=(b"GET /version?a?b", b"")
    ),
    "two blanks before the target": passes(get(first=b"GET  /version HTTP/1.1\r\nHost: door\r\n"), what=VERSION),
} | {
    f"the path {path.decode()}": refused(404, get(first=b"GET " + path + b" HTTP/1.1\r\nHost: door\r\n"))
    for path in (
        b"/",
        b"//version",
        b"/version/",
        b"/version//",
        b"/./version",
        b"/x/../version",
        b"/version;x=1",
        b"/version%00",
        b"/version%20",
        b"/version%2f",
        b"/%2fversion",
        b"/%2e/version",
        b"/%76ersion",
        b"/version%3Fx",
        b"/version%0d%0aX:%20y",
        b"/VERSION",
        b"/version&x",
        b"//door/version",
        b"/http://door/version",
        b"/..;/version",
    )
}

LIMITS = {
    "a field too long": bad(get(b"X-Long: " + b"y" * MAX_HEAD_BYTES + b"\r\n"), status=431),
    "a name too long": bad(get(b"X" * MAX_HEAD_BYTES + b": y\r\n"), status=431),
    "a target too long": bad(get(first=b"GET /version?" + b"q" * MAX_HEAD_BYTES + b" HTTP/1.1\r\n"), status=431),
    "a head without end": bad(get()[:-2] + b"X: y\r\n" * 20_000, status=431),
    "too many fields": bad(get(b"a:b\r\n" * 1_000), status=431),
    "a head just within": passes(get(b"X-Long: " + b"y" * (MAX_HEAD_BYTES - 400) + b"\r\n"), what=VERSION),
    "a method too long": bad(b"G" * 200_000 + b" /version HTTP/1.1\r\nHost: door\r\n\r\n"),
    "a line without end": bad(b"\x80" * 200_000),
    "a long head and a request behind it": bad(
        get(b"X-Long: " + b"y" * MAX_HEAD_BYTES + b"\r\n") + SMUGGLED, status=431
    ),
    "half a head": bad(b"GET /version HTTP/1.1\r\nHost: do", status=408),
    "half a request line": bad(b"GET /ver", status=408),
    "a head without its empty line": bad(b"GET /version HTTP/1.1\r\nHost: door\r\n", status=408),
    "nothing": Row((), (), Then.CLOSED),
    "nothing but line ends": Row((b"\r\n\r\n\r\n\r\n",), (), Then.CLOSED),
    "line ends without end": Row((b"\r\n" * 100_000,), (), Then.CLOSED),
}

UPGRADES = {
    "a WebSocket": bad(
        get(
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            first=b"GET /v1/realtime HTTP/1.1\r\nHost: door\r\n",
        )
        + SMUGGLED,
        status=426,
    ),
    "a WebSocket where there is none": bad(
        get(b"Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"), status=426
    ),
    "an upgrade to h2c": passes(
        get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
        what=VERSION,
        gone=b"h2c",
    ),
    "an upgrade with a body": passes(post(b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + LENGTH, BODY), gone=b"upgrade"),
    "an upgrade that Connection does not name": passes(get(b"Upgrade: websocket\r\n"), what=VERSION, gone=b"upgrade"),
    "an upgrade to nothing": passes(get(b"Connection: Upgrade\r\n"), what=VERSION, gone=b"upgrade"),
}

METHODS = {
    "a wrong method": refused(405, get(first=b"DELETE /version HTTP/1.1\r\nHost: door\r\n")),
    "PATCH": refused(405, get(first=b"PATCH /v1/completions HTTP/1.1\r\nHost: door\r\n")),
    "TRACE": refused(405, get(first=b"TRACE /version HTTP/1.1\r\nHost: door\r\n")),
    "an unknown method": bad(get(first=b"COOK /version HTTP/1.1\r\nHost: door\r\n")),
    "a method in small letters": bad(get(first=b"get /version HTTP/1.1\r\nHost: door\r\n")),
    "a method in odd letters": bad(get(first=b"G\xc3\x84T /version HTTP/1.1\r\nHost: door\r\n")),
    "no method": bad(b" /version HTTP/1.1\r\nHost: door\r\n\r\n"),
    "HEAD": Row((get(first=b"HEAD /version HTTP/1.1\r\nHost: door\r\n"),), (200,), Then.KEPT, (VERSION,), head=True),
    "HEAD of our own": Row((get(first=b"HEAD /health HTTP/1.1\r\nHost: door\r\n"),), (200,), Then.KEPT, head=True),
    "HEAD of what there is not": Row((get(first=b"HEAD /x HTTP/1.1\r\nHost: door\r\n"),), (404,), Then.KEPT, head=True),
    "HEAD of what is posted": Row(
        (get(first=b"HEAD /v1/completions HTTP/1.1\r\nHost: door\r\n"),), (405,), Then.KEPT, head=True
    ),
    "a post without a body": Row((post(b"", b""),), (400,), Then.KEPT),
    "a method in a field": refused(
        405, get(b"X-HTTP-Method-Override: GET\r\n", first=b"DELETE /version HTTP/1.1\r\nHost: door\r\n")
    ),
}

REQUESTS: dict[str, Row] = (
    LENGTHS | CODINGS | CHUNKS | LINES | VERSIONS | HOSTS | HOP_BY_HOP | EXPECTATIONS | PIPELINES | TARGETS
) | (LIMITS | UPGRADES | METHODS)
