"""What is wrong with a head that the parser let pass: the rules of HTTP/1.x that llhttp leaves to its caller.

llhttp, as httptools 0.9.0 sets it up, refuses of itself: Content-Length beside Transfer-Encoding, twice, or no plain
number; a bare CR or LF, folded lines, control characters, bad names; unknown methods and versions. What is left
(measured; the table is in docs/security.md, and `test_head_check` holds both halves to it):

    1. a version that is neither 1.0 nor 1.1 (llhttp takes 0.9 and 2.0)         -> 400
    2. a method of RTSP or ICE, and CONNECT: this is no tunnel                  -> 400
    3. a fragment in the target: a client's bug or a probe (RFC 9112, 3.2)      -> 400
    4. twice, what may be given once: which one counts would be anybody's guess -> 400
    5. a Content-Length that needs more than 18 digits                          -> 400
    6. Transfer-Encoding in HTTP/1.0, or another than `chunked` alone           -> 400
    7. an Expect that is not 100-continue                                       -> 417
    8. a WebSocket                                                              -> 426

After every one of them the connection has to end: where the next request begins is not certain. Any other Upgrade is
ignored, as RFC 9110 (7.8) allows: curl --http2 and every Java HttpClient ask for `h2c` with each request, bodies
included. `stand_in` is what the parser must be fed then to find the body. Host and Origin are read in `origin`, the
meaning of the other fields where they are used.
"""

from __future__ import annotations

from frontdoor.http.head import Head
from frontdoor.refusal import Reason, Refusal, bad_request

# 18 digits fit into 64 bits whatever they are; and Python reads no number of more than 4300 digits, zeros included.
MAX_LENGTH_DIGITS = 18

_VERSIONS = frozenset({"1.0", "1.1"})
# llhttp knows them because it also parses RTSP and ICE; the version does not tell, it says 1.0 for all three
_OTHER_PROTOCOLS = frozenset(
    "SOURCE DESCRIBE ANNOUNCE SETUP PLAY PAUSE TEARDOWN GET_PARAMETER SET_PARAMETER REDIRECT RECORD FLUSH".split()
)
_NOT_TAKEN = _OTHER_PROTOCOLS | {"CONNECT"}
_ONCE = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"origin",
        b"sec-fetch-mode",
        b"sec-fetch-site",
        b"transfer-encoding",
        b"x-api-key",
    }
)
_RARE = frozenset({b"transfer-encoding", b"expect", b"upgrade"})


def check(head: Head) -> Refusal | None:
    """Why this head cannot be a request here, or None. The connection ends after it."""
    if head.version not in _VERSIONS:  # 1
        return bad_request(f"HTTP/{head.version[:10]} is not spoken here; HTTP/1.1 is")
    if head.method in _NOT_TAKEN:  # 2
        return bad_request(f"{head.method} is not taken here: this is an HTTP server, and no tunnel")
    if "#" in head.target:  # 3
        return bad_request("the request target has a fragment (#), which is never sent")
    names = head.names()
    if len(names) != len(head.fields) and (name := _given_twice(head)) is not None:  # 4
        return bad_request(f"{name.decode()} is given more than once")
    length = head.get(b"content-length")
    if length is not None and not _is_sane_length(length):  # 5
        return bad_request("Content-Length is not a sane number of bytes")
    return None if _RARE.isdisjoint(names) else _check_rare(head)


def stand_in(head: Head) -> bytes:
    """The smallest head whose body is delimited as this one's.

    At an Upgrade llhttp stops behind the head (HttpParserUpgrade) and takes what follows for the other protocol. Fed
    first to a new parser, whose first on_headers_complete is then not a new request, it makes the body be read.
    """
    ending = b"" if head.keep_alive else b"Connection: close\r\n"
    length = head.get(b"content-length")
    if length is not None:
        framing = b"Content-Length: %b\r\n" % length
    elif head.get(b"transfer-encoding") is not None:
        framing = b"Transfer-Encoding: chunked\r\n"
    else:
        framing = b""
    return b"POST / HTTP/1.1\r\n%b%b\r\n" % (framing, ending)


def _check_rare(head: Head) -> Refusal | None:
    codings = head.values(b"transfer-encoding")
    if codings and head.minor == 0:  # 6
        return bad_request("Transfer-Encoding does not exist in HTTP/1.0")
    if codings and _tokens(codings) != [b"chunked"]:
        return bad_request("the only Transfer-Encoding that is taken is chunked")
    # HTTP/1.0 has neither Expect nor Upgrade (RFC 9110, 10.1.1 and 7.8): there, both are ignored
    if head.minor > 0 and any(token != b"100-continue" for token in _tokens(head.values(b"expect")) if token):  # 7
        return _expectation_failed()
    if head.minor > 0 and _asks_for_websocket(head):  # 8
        return _upgrade_refused()
    return None


def _given_twice(head: Head) -> bytes | None:
    seen = set()
    for name, _ in head.fields:
        if name in seen and name in _ONCE:
            return name
        seen.add(name)
    return None


def _is_sane_length(length: bytes) -> bool:
    if len(length) > MAX_LENGTH_DIGITS or not length.isdigit():
        length = length.strip(b" \t")  # llhttp leaves the blanks behind a value in place
    return len(length) <= MAX_LENGTH_DIGITS and length.isdigit()


def _asks_for_websocket(head: Head) -> bool:
    return b"websocket" in _tokens(head.values(b"upgrade")) and b"upgrade" in _tokens(head.values(b"connection"))


def _tokens(values: list[bytes]) -> list[bytes]:
    """The elements of a list header (RFC 9110, 5.6.1), in lower case; an empty one stays, as an empty word."""
    return [token.strip(b" \t") for token in b",".join(values).lower().split(b",")]


def _expectation_failed() -> Refusal:
    return Refusal(
        status=417,
        reason=Reason.BAD_REQUEST,
        code="expectation_failed",
        message="the only Expect that is met is 100-continue",
    )


def _upgrade_refused() -> Refusal:
    return Refusal(
        status=426,
        reason=Reason.UPGRADE_REFUSED,
        code="upgrade_refused",
        message="WebSockets are not relayed; use plain HTTP requests, with stream=true for streams",
    )
