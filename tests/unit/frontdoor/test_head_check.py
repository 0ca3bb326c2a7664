"""Heads that the parser lets pass and we do not; and that the parser still refuses what we leave to it."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.http.head import Head
from frontdoor.http.head_check import check, stand_in
from frontdoor.refusal import Reason

CHUNKS = b"4\r\nabcd\r\n0\r\n\r\n"
POST = b"POST /v1 HTTP/1.1\r\nHost: a\r\n"


class Reader:
    """Reads one connection's bytes: the heads, their bodies, and the parser's words where it refused."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.bodies: list[bytes] = []
        self.ended = 0
        self._start()
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> str | None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return f"upgrade at {upgrade.args[0]}"
        except httptools.HttpParserError as exc:
            return str(exc)
        return None

    def _start(self) -> None:
        self._fields: list[tuple[bytes, bytes]] = []
        self._target = b""

    def on_message_begin(self) -> None:
        self._start()

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser, version = self._parser, self._parser.get_http_version()
        target = self._target.decode("latin-1")
        self.heads.append(
            Head(
                method=parser.get_method().decode("latin-1"),
                target=target,
                minor=0 if version == "1.0" else 1,
                version=version,
                fields=self._fields,
                keep_alive=parser.should_keep_alive(),
            )
        )
        self.bodies.append(b"")
        self._fields = []  # what comes now are trailers

    def on_body(self, piece: bytes) -> None:
        self.bodies[-1] += piece

    def on_message_complete(self) -> None:
        self.ended += 1


def read(data: bytes) -> Head:
    reader = Reader()
    reader.feed(data)
    assert len(reader.heads) == 1
    return reader.heads[0]


def line(first: bytes, fields: bytes = b"") -> bytes:
    return first + b"\r\nHost: a\r\n" + fields + b"\r\n"


# What llhttp lets pass, or has not yet refused when the head is complete.
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        # 1
        (b"GET /a\r\n\r\n", 400),
        (line(b"GET /a HTTP/0.9"), 400),
        (line(b"GET /a HTTP/2.0"), 400),
        (line(b"GET /a HTTP/1.0"), None),
        (line(b"GET /a HTTP/1.1"), None),
        # 2
        (line(b"SOURCE /a HTTP/1.1"), 400),
        (line(b"SOURCE /a ICE/1.0"), 400),
        (line(b"DESCRIBE /a RTSP/1.0"), 400),
        (line(b"CONNECT a:80 HTTP/1.1"), 400),
        (line(b"CONNECT /a HTTP/1.1"), 400),
        (line(b"PROPFIND /a HTTP/1.1"), None),  # a method of HTTP: the routes say what they think of it
        (line(b"GET /a RTSP/1.0"), None),  # nothing tells it from HTTP/1.0, and that is what it gets
        # 3
        (line(b"GET /a#b HTTP/1.1"), 400),
        (line(b"GET /a?b#c HTTP/1.1"), 400),
        (line(b"GET /a?b%23c HTTP/1.1"), None),
        # 4
        (POST + b"Host: b\r\n\r\n", 400),
        (POST + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400),
        (POST + b"X-Api-Key: a\r\nx-api-key: a\r\n\r\n", 400),
        (POST + b"Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n", 400),
        (POST + b"Origin: null\r\nOrigin: http://a\r\n\r\n", 400),
        (POST + b"Accept: a/b\r\nAccept: c/d\r\nX: 1\r\nX: 2\r\nCookie: a\r\nCookie: b\r\n\r\n", None),
        # 5
        (POST + b"Content-Length: 5\r\n\r\n", None),
        (POST + b"Content-Length: \t005 \t\r\n\r\n", None),
        (POST + b"Content-Length: " + b"9" * 18 + b"\r\n\r\n", None),
        (POST + b"Content-Length: " + b"9" * 18 + b" \r\n\r\n", None),
        (POST + b"Content-Length: " + b"9" * 19 + b"\r\n\r\n", 400),
        (POST + b"Content-Length: " + b"0" * 5000 + b"5\r\n\r\n", 400),
        # 6
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", None),
        (POST + b"Transfer-Encoding: \tChUnKeD \r\n\r\n", None),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: ,chunked\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: identity\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: xchunked\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunkedx\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: x chunked\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n", 400),
        (POST + b'Transfer-Encoding: "chunked"\r\n\r\n', 400),
        (line(b"POST /v1 HTTP/1.0", b"Transfer-Encoding: chunked\r\n"), 400),
        # 7
        (POST + b"Expect: 100-continue\r\n\r\n", None),
        (POST + b"Expect: 100-Continue\r\nExpect:\r\n\r\n", None),
        (POST + b"Expect: cake\r\n\r\n", 417),
        (POST + b"Expect: 100-continue, cake\r\n\r\n", 417),
        (POST + b"Expect: 100-continue\r\nExpect: cake\r\n\r\n", 417),
        (line(b"POST /v1 HTTP/1.0", b"Expect: cake\r\n"), None),
        # 8
        (POST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 426),
        (POST + b"Connection: keep-alive, upgrade\r\nUpgrade: h2c, WebSocket\r\n\r\n", 426),
        (POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", None),
        (POST + b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n", None),
        (POST + b"Upgrade: websocket\r\n\r\n", None),
        (line(b"GET /v1 HTTP/1.0", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"), None),
        # ours to read elsewhere
        (POST + b"Connection: content-length, host\r\n\r\n", None),
        (b"\r\n\r\n" + line(b"GET  //a\\b?{}  HTTP/1.1", b"X: \xff\tb\r\n"), None),
        (line(b"GET http://b/a HTTP/1.1"), None),
        (line(b"OPTIONS * HTTP/1.1"), None),
    ],
)
def test_what_the_parser_lets_pass(sent, status) -> None:
    refused = check(read(sent))
    assert (refused.status if refused else None) == status


@pytest.mark.parametrize(
    "sent",
    [
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
        POST + b"Content-Length: 4\r\nTransfer-Encoding: identity\r\n\r\n",
        POST + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\n",
        *(
            POST + b"Content-Length: " + length + b"\r\n\r\n"
            for length in (b"", b"+5", b"-1", b"5 5", b"5,5", b"0x5", b"1_0", b"5;", b"\x0b5", b"1" * 21)
        ),
        *(
            POST + b"Transfer-Encoding: " + coding + b"\r\n\r\n"
            for coding in (b"", b"chunked, gzip", b"chunked,", b"chunked, chunked", b"\x0bchunked")
        ),
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
        *(POST + b"X: a" + byte + b"b\r\n\r\n" for byte in (b"\0", b"\1", b"\x0b", b"\x1b", b"\x7f", b"\n", b"\r")),
        *(POST + b"X: a" + fold + b"\r\n\r\n" for fold in (b"\r\n b", b"\r\n\tb", b"\r\n ")),
        *(
            POST + name + b": a\r\n\r\n"
            for name in (b"", b"X ", b"X\t", b"X Y", b"X\xe9", b"X/Y", b"X(", b"X\0", b"X@")
        ),
        POST + b"no colon\r\n\r\n",
        b"GET /a HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET /a HTTP/1.1\nHost: a\n\n",
        b"GET /a HTTP/1.1\r\nHost: a\r\n\n",
        *(line(b"GET /a HTTP/" + version) for version in (b"1.2", b"3.0", b"1", b"01.1", b"1.10", b"1,1", b"1.1 ")),
        *(line(method + b" /a HTTP/1.1") for method in (b"get", b"Get", b"FOO", b"GETX", b"", b"GET\t")),
        *(
            line(b"GET " + target + b" HTTP/1.1")
            for target in (b"a", b"a:80", b"#", b"/a b", b"/\x01", b"/\xe9", b"/\0")
        ),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_what_is_left_to_the_parser(sent) -> None:
    reader = Reader()
    assert reader.feed(sent) is not None
    assert reader.heads == []


@pytest.mark.parametrize(
    "chunks",
    [
        b" 4\r\nabcd\r\n0\r\n\r\n",
        b"4 \r\nabcd\r\n0\r\n\r\n",
        b"0x4\r\nabcd\r\n0\r\n\r\n",
        b"+4\r\nabcd\r\n0\r\n\r\n",
        b"4\nabcd\r\n0\r\n\r\n",
        b"4\r\nabcd\n0\r\n\r\n",
        b"4\r\nabcde\r\n0\r\n\r\n",
        b"4;a\rb\r\nabcd\r\n0\r\n\r\n",
        b"4;a\nb\r\nabcd\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nabcd",
        b"4\r\nabcd\r\n0\r\nContent-Length: 4\r\n\r\n",
        b"4\r\nabcd\r\n0\r\nX: y\r\n z\r\n\r\n",
        b"4\r\nabcd\r\n0\r\n\n",
    ],
)
def test_chunks_are_left_to_the_parser(chunks) -> None:
    reader = Reader()
    assert reader.feed(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks) is not None
    assert reader.ended == 0


NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    ("framing", "body", "expected"),
    [
        (b"Content-Length: 4\r\n", b"abcd", b"abcd"),
        (b"Content-Length: 4 \r\n", b"abcd", b"abcd"),
        (b"Transfer-Encoding: chunked\r\n", CHUNKS, b"abcd"),
        (b"Content-Length: 0\r\n", b"", b""),
        (b"", b"", b""),
        (b"Content-Length: %d\r\n" % len(NEXT), NEXT, NEXT),
    ],
)
def test_a_body_behind_an_upgrade_is_found(framing, body, expected) -> None:
    sent = POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + framing + b"\r\n" + body + NEXT
    first = Reader()
    stopped = first.feed(sent)
    assert stopped == f"upgrade at {len(sent) - len(body) - len(NEXT)}"
    assert first.bodies == [b""]
    second = Reader()
    assert second.feed(stand_in(first.heads[0]) + body + NEXT) is None
    assert second.bodies == [expected, b""]
    assert second.heads[1].target == "/next"


def test_a_stand_in_closes_where_its_head_does() -> None:
    asked = read(POST + b"Connection: close, upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nabcd")
    assert not asked.keep_alive
    reader = Reader()
    assert reader.feed(stand_in(asked) + b"abcd" + NEXT) is not None
    assert reader.bodies == [b"abcd"]


def test_a_refusal_has_its_reason() -> None:
    refused = check(read(POST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
    assert refused is not None
    assert (refused.reason, refused.code) == (Reason.UPGRADE_REFUSED, "upgrade_refused")
    assert "WebSockets are not relayed" in refused.message


NAMES = st.sampled_from(
    [b"host", b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"connection", b"authorization", b"x"]
)


@given(
    st.lists(st.tuples(NAMES, st.binary(max_size=30) | st.sampled_from([b"chunked", b"5", b"upgrade"])), max_size=8),
    st.text(max_size=10),
    st.sampled_from(["1.1", "1.0", "0.9", ""]),
)
def test_any_head_has_an_answer(fields, target, version) -> None:
    head = Head(method="POST", target=target, minor=0 if version == "1.0" else 1, version=version, fields=fields)
    refused = check(head)
    assert refused is None or refused.status in (400, 417, 426)
    if refused is None:
        length = head.get(b"content-length")
        assert length is None or int(length) >= 0
        assert len(head.values(b"host")) <= 1
        assert len(head.values(b"transfer-encoding")) <= 1


@given(st.binary(max_size=200))
def test_any_bytes_have_an_answer(data) -> None:
    reader = Reader()
    reader.feed(POST + data + b"\r\n\r\n")
    for head in reader.heads:
        check(head)
        stand_in(head)
