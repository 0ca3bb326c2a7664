"""A stream from the engine's socket to the client's: the same for the client, however its chunks arrive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.answers.sse import StreamReader
from frontdoor.engine.answer import Answer, Carrier, UpstreamLost
from frontdoor.engine.exchange import Exchange
from frontdoor.engine.pool import Pool
from frontdoor.http.connection import Connection
from frontdoor.http.request import Request
from frontdoor.http.server import Server
from frontdoor.record.call import Call, Outcome
from frontdoor.refusal import Refusal, shutting_down
from frontdoor.relay.ending import Ending
from frontdoor.relay.event_carrier import AFTER_END_S, EventCarrier
from frontdoor.routes import Dialect
from frontdoor.settings import Settings

REQUEST = b"GET / HTTP/1.%d\r\nHost: localhost\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n'
END = b"data: [DONE]\n\n"


class Line(asyncio.Transport):
    """A transport that is open until it is closed, and keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_open = True

    def write(self, data: object) -> None:
        assert isinstance(data, bytes) and self.is_open
        self.written.append(data)

    def is_closing(self) -> bool:
        return not self.is_open

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.is_open = False

    abort = close


class Stream:
    """One request whose answer is a stream, with an exchange at one end and a client at the other."""

    def __init__(self, minor: int = 1) -> None:
        self.line = Line()
        self.endings: list[Refusal | Exception | None] = []
        self.at_end: Callable[[], object] = list
        server = Server(Settings().connection_limits)
        server.handler = self._asked
        connection = server.connection()
        connection.connection_made(self.line)
        connection.data_received(REQUEST % minor)
        self.exchange = Exchange(Pool("http://127.0.0.1:1"))
        self.exchange.connection_made(Line())
        self.call.exchange = self.exchange
        self.exchange.send(b"GET / HTTP/1.1\r\n", b"", self)
        self.exchange.data_received(HEAD)

    def _asked(self, connection: Connection, request: Request) -> None:
        self.call = Call(connection, request, "id", b"", 0.0)

    def began(self, answer: Answer) -> Carrier:
        self.call.connection.begin(200, b"", None)
        reader = StreamReader(Dialect.OPENAI, self.call.tokens)
        self.carrier = EventCarrier(self.call, reader, Ending(self._ended))
        return self.carrier

    def _ended(self, unsaid: Refusal | Exception | None) -> None:
        self.endings.append(unsaid)
        self.at_end()

    def lost(self, lost: UpstreamLost) -> None:
        raise lost

    @property
    def told(self) -> bytes:
        """The body as the client reads it."""
        read: list[bytes] = []

        class Client:
            def on_body(self, piece: bytes) -> None:
                read.append(piece)

        parser = httptools.HttpResponseParser(Client())
        for data in self.line.written:
            parser.feed_data(data)
        return b"".join(read)


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


@pytest.mark.parametrize("text", [b"", b"a", b"\\n", b'\\"', "é漢".encode(), b"\\u00e9", b"x" * 500])
def test_an_event_like_the_one_before_it_goes_to_the_client_as_it_came(text: bytes) -> None:
    stream = Stream()
    for before in (b"a", b"b"):
        stream.exchange.data_received(chunk(EVENT % before))
    came = chunk(EVENT % text)
    stream.exchange.data_received(came)
    assert stream.line.written[-1] is came
    assert stream.call.events == 3


@pytest.mark.parametrize("text", [b'"', b"\\", b"\n", b"\x00", b"\xff", b"\\ud8", b'a","b":NaN,"c":"'])
def test_what_only_looks_like_the_one_before_it_ends_the_stream(text: bytes) -> None:
    stream = Stream()
    for before in (b"a", b"b", b"c"):
        stream.exchange.data_received(chunk(EVENT % before))
    stream.exchange.data_received(chunk(EVENT % text))
    assert stream.told.startswith((EVENT * 3) % (b"a", b"b", b"c") + b'data: {"error"')
    assert not stream.line.is_open
    assert stream.endings == [None]


def test_a_client_of_http_1_0_gets_no_chunks() -> None:
    stream = Stream(minor=0)
    for text in (b"a", b"b", b"c"):
        stream.exchange.data_received(chunk(EVENT % text))
    assert stream.line.written[1:] == [EVENT % b"a", EVENT % b"b", EVENT % b"c"]


def test_nothing_is_written_to_a_client_that_is_being_closed() -> None:
    stream = Stream()
    for text in (b"a", b"b", b"c"):
        stream.exchange.data_received(chunk(EVENT % text))
    stream.line.abort()
    stream.exchange.data_received(chunk(EVENT % b"d"))
    assert chunk(EVENT % b"d") not in stream.line.written


events = st.lists(
    st.one_of(
        st.text(max_size=5).map(lambda text: EVENT % json.dumps(text)[1:-1].encode()),
        st.sampled_from([b'"', b"\\", b"\n", b"\xff", b"\x00", b'","finish_reason":"abort","x":"']).map(
            lambda text: EVENT % text
        ),
        st.sampled_from(
            [
                b'data: {"choices":[{"text":"a"}]}\n\n',
                b'data: {"choices":[{"text":"b"}]}\n\n',
                b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
                b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n',
                b'data: {"error":{"message":"no"}}\n\n',
                b": ping\n\n",
                END,
            ]
        ),
    ),
    max_size=8,
)


@given(events, st.booleans())
def test_a_client_gets_the_same_whether_chunks_come_alone_or_in_pieces(told: list[bytes], is_ended: bool) -> None:
    alone, cut = Stream(), Stream()
    chunks = [chunk(event) for event in told] + [b"0\r\n\r\n"] * is_ended
    for data in chunks:
        alone.exchange.data_received(data)
        cut.exchange.data_received(data[:-1])
        cut.exchange.data_received(data[-1:])
    assert alone.told == cut.told
    assert (alone.line.is_open, alone.endings) == (cut.line.is_open, cut.endings)
    assert (alone.call.events, alone.call.tokens, alone.call.reason) == (
        cut.call.events,
        cut.call.tokens,
        cut.call.reason,
    )


def test_the_last_events_and_the_end_are_one_write() -> None:
    stream = Stream()
    stream.exchange.data_received(chunk(EVENT % b"a"))
    stream.exchange.data_received(chunk(EVENT % b"b") + chunk(END) + b"0\r\n\r\n")
    assert stream.line.written[-1] == chunk(EVENT % b"b" + END) + b"0\r\n\r\n"
    assert len(stream.line.written) == 3  # the head came alone
    assert stream.endings == [None]


def test_an_end_that_comes_alone_ends_the_answer() -> None:
    stream = Stream()
    stream.exchange.data_received(chunk(EVENT % b"a") + chunk(END))
    stream.exchange.data_received(b"0\r\n\r\n")
    assert stream.told == EVENT % b"a" + END
    assert stream.line.written[-1] == b"0\r\n\r\n"


def test_the_engine_has_its_time_to_end_a_message_from_the_end_mark_on() -> None:
    stream = Stream()
    stream.exchange.data_received(chunk(EVENT % b"a"))
    heard = stream.exchange.heard
    stream.exchange.data_received(chunk(END))
    stream.carrier.look(stream.exchange.heard + AFTER_END_S - 0.01, 0.0)
    assert stream.endings == [] and heard <= stream.exchange.heard
    stream.carrier.look(stream.exchange.heard + AFTER_END_S, 0.0)
    assert stream.endings == [None]


def test_a_ping_waits_for_silence_after_the_engines_own_comment_too() -> None:
    stream = Stream()
    stream.exchange.data_received(chunk(EVENT % b"a"))
    stream.exchange.data_received(chunk(b": still here\n\n"))
    heard = stream.exchange.heard
    stream.carrier.look(heard + 0.9, 1.0)
    assert stream.call.pings == 0
    stream.carrier.look(heard + 1.0, 1.0)
    assert stream.call.pings == 1


def test_who_is_cut_is_our_fault_before_anybody_counts_it() -> None:
    stream = Stream()
    seen: list[Outcome] = []
    stream.at_end = lambda: seen.append(stream.call.outcome)
    stream.exchange.data_received(chunk(EVENT % b"a"))
    stream.carrier.cut(shutting_down())
    assert seen == [Outcome.FAILED]
