"""An exchange is given bytes as a socket gives them; what its carrier gets must be the body, however it was cut."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.engine.answer import Answer, Loss, UpstreamLost
from frontdoor.engine.exchange import Exchange, _chunk_head
from frontdoor.engine.pool import Pool

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
END = b"0\r\n\r\n"


class Line(asyncio.Transport):
    """A transport that is open until it is aborted."""

    is_open = True
    is_read = True

    def write(self, data: object) -> None:
        pass

    def is_closing(self) -> bool:
        return not self.is_open

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def abort(self) -> None:
        self.is_open = False


class Reader:
    """Receiver and carrier; takes a chunk that came alone where `takes_next` says so."""

    def __init__(self, takes_next: list[bool] | None = None) -> None:
        self.body = b""
        self.taken: list[bytes] = []
        self.ends: list[Loss | None] = []
        self._takes_next = takes_next or []

    def began(self, answer: Answer) -> Reader:
        return self

    def takes(self, chunk: bytes, start: int, now: float) -> bool:
        if not self._takes_next or not self._takes_next.pop():
            return False
        self.taken.append(chunk)
        self.body += chunk[start:-2]
        return True

    def arrived(self, data: bytes, now: float) -> None:
        self.body += data

    def ended(self, data: bytes, now: float) -> None:
        self.body += data
        self.ends.append(None)

    def lost(self, lost: UpstreamLost) -> None:
        self.ends.append(lost.loss)


def exchange(reader: Reader) -> Exchange:
    made = Exchange(Pool("http://127.0.0.1:1"))
    made.connection_made(Line())
    made.send(b"GET / HTTP/1.1\r\n\r\n", b"", reader)
    return made


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def framed(content: bytes, form: str) -> bytes:
    size = {"plain": f"{len(content):x}", "upper": f"{len(content):X}", "zeros": f"00{len(content):x}"}.get(form)
    return f"{size or f'{len(content):x};a=b'}\r\n".encode() + content + b"\r\n"


def test_a_chunk_that_comes_alone_behind_another_is_offered_as_it_came() -> None:
    reader = Reader([True] * 9)
    over = exchange(reader)
    for data in (HEAD, chunk(EVENT), chunk(EVENT), chunk(EVENT), END):
        over.data_received(data)
    assert reader.taken == [chunk(EVENT)] * 2
    assert (reader.body, reader.ends) == (EVENT * 3, [None])


@pytest.mark.parametrize(
    ("behind", "why"),
    [
        (b"1", "the size of a chunk has begun"),
        (b"10;x=\n", "a line feed inside a chunk extension is no valid HTTP"),
        (b"4\r\nab\n", "a chunk is not over, and its content ends a line"),
        (b"4\r\nabcd", "the line behind the content is missing"),
        (b"0\r\n", "the trailers have begun"),
    ],
)
def test_nothing_is_taken_for_a_chunk_in_the_middle_of_one(behind: bytes, why: str) -> None:
    reader = Reader([True] * 9)
    over = exchange(reader)
    over.data_received(HEAD + chunk(EVENT) + behind)
    over.data_received(chunk(EVENT))
    assert reader.taken == [], why


@given(
    contents=st.lists(
        st.one_of(st.just(EVENT), st.just(chunk(EVENT)), st.just(b"\r\n"), st.binary(min_size=1, max_size=40)),
        max_size=6,
    ),
    forms=st.lists(st.sampled_from(["plain", "plain", "upper", "zeros", "extended"]), min_size=6, max_size=6),
    cuts=st.sets(st.integers(0, 400)),
    takes_next=st.lists(st.booleans()),
    arrives=st.integers(0, 400),
)
def test_the_body_is_the_same_however_it_is_cut(contents, forms, cuts, takes_next, arrives) -> None:
    chunks = [framed(content, form) for content, form in zip(contents, forms, strict=False)]
    ends = [len(HEAD)]  # of the reads: cut where it is drawn, and behind each chunk where none is drawn inside it
    for each in chunks:
        ends += [ends[-1] + cut for cut in sorted(cuts) if 0 < cut < len(each)] + [ends[-1] + len(each)]
        ends.sort()
    sent = HEAD + b"".join(chunks) + END
    reader = Reader(takes_next)
    over = exchange(reader)
    reads = [sent[start:end] for start, end in pairwise([0, *ends, len(sent)])]
    for data in reads[:arrives]:
        over.data_received(data)
    if arrives >= len(reads):
        assert (reader.body, reader.ends) == (b"".join(contents), [None])
        return
    over.connection_lost(None)
    assert b"".join(contents).startswith(reader.body)
    assert reader.ends == [Loss.DISCONNECTED]


@given(cuts=st.sets(st.integers(1, 600)), takes_next=st.lists(st.booleans()))
def test_the_body_is_the_same_at_any_cut_at_all(cuts, takes_next) -> None:
    contents = [EVENT, chunk(EVENT), EVENT, b"10\r\n", EVENT]
    sent = HEAD + b"".join(map(chunk, contents)) + END
    reader = Reader(takes_next)
    over = exchange(reader)
    for start, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]):
        over.data_received(sent[start:end])
    assert (reader.body, reader.ends) == (b"".join(contents), [None])


def test_nobody_is_told_anything_after_an_abort() -> None:
    reader = Reader([True])
    over = exchange(reader)
    over.data_received(HEAD + chunk(EVENT))
    over.abort()
    over.data_received(chunk(EVENT))
    over.connection_lost(None)
    assert (reader.body, reader.taken, reader.ends) == (EVENT, [], [])


@pytest.mark.parametrize("content", [1, 15, 16, 255, 256, 2037, 2038, 4095, 4096, 65_535, 65_536])
def test_the_head_of_a_chunk_is_known_by_its_size(content: int) -> None:
    assert _chunk_head(len(chunk(b"x" * content))) == b"%x\r\n" % content


@pytest.mark.parametrize("size", [0, 1, 5, 21, 262, 4103])
def test_some_sizes_are_no_chunks(size: int) -> None:
    assert _chunk_head(size) == b""


def test_a_long_chunk_is_offered_as_well() -> None:
    reader = Reader([True])
    over = exchange(reader)
    long = chunk(b"x" * 5000)
    for data in (HEAD, chunk(EVENT), long):
        over.data_received(data)
    assert reader.taken == [long]


def test_what_was_held_for_a_slow_client_is_read_again_for_the_next_one() -> None:
    reader = Reader()
    pool = Pool("http://127.0.0.1:1")
    line, over = Line(), Exchange(pool)
    over.connection_made(line)
    over.send(b"GET / HTTP/1.1\r\n\r\n", b"", reader)
    over.data_received(HEAD + chunk(EVENT))
    over.hold()
    assert not line.is_read
    over.data_received(END)  # it was on its way already
    assert pool.idle() is over
    assert line.is_read and not over.is_held
