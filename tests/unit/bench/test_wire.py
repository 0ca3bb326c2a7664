"""The bytes between the benchmark's client and its emulator, cut wherever a proxy likes."""

from __future__ import annotations

import json

from bench import wire
from bench.wire import EventScanner, Head, Wish
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.answers.sse import StreamReader, StreamState
from frontdoor.routes import Dialect

numbers = st.integers(0, 10**9)


@given(stream=st.booleans(), wish=st.tuples(numbers, numbers, numbers, numbers, numbers))
def test_a_wish_arrives_as_it_was_sent(stream, wish) -> None:
    asked = Wish(stream, *wish)
    head, _, body = asked.request().partition(b"\r\n\r\n")
    assert Wish.of(body) == asked
    assert b"Content-Length: %d" % len(body) in head
    assert json.loads(body)["stream"] is stream


def test_a_request_without_a_wish_gets_the_usual() -> None:
    assert Wish.of(b"{}") == Wish(stream=False)


def whole_stream(stamps: list[int]) -> bytes:
    tokens = [template % stamp for template, stamp in zip([wire.TOKEN, wire.LAST_TOKEN], stamps, strict=True)]
    return wire.ROLE + b"".join(tokens) + wire.END


@given(cuts=st.lists(st.integers(0, 1200), max_size=8))
def test_the_times_are_found_wherever_the_stream_is_cut(cuts) -> None:
    stamps = [1, 2**62]
    data = whole_stream(stamps)
    scanner, found = EventScanner(), []
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in zip(edges, edges[1:], strict=False):
        assert not (scanner.is_done and scanner.ended) or start == end == len(data)
        found += scanner.feed(data[start:end])
    assert found == stamps
    assert scanner.is_done
    assert scanner.ended


def test_the_stream_is_one_that_the_frontdoor_lets_pass() -> None:
    events, rest = b"", whole_stream([1, 2])
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        events, rest = events + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    reader = StreamReader(Dialect.OPENAI)
    assert reader.feed(events) == events
    assert (reader.state, reader.events_read) == (StreamState.DONE, 3)


def test_a_whole_answer_has_the_size_that_was_asked_for() -> None:
    head, _, body = wire.whole_answer(1024).partition(b"\r\n\r\n")
    read = Head(head + b"\r\n\r\n")
    assert (read.status, read.length, read.keeps_open) == (200, len(body), True)
    assert 1020 <= len(body) <= 1024
    assert json.loads(body)["usage"]["total_tokens"] == 25


def test_a_head_tells_whether_more_may_be_asked() -> None:
    assert not Head(b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").keeps_open
    assert Head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").length is None
