"""A reader that stands still costs lines, never time."""

from __future__ import annotations

import asyncio
import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.record.line_writer import MAX_HELD_BYTES, Flow, LineWriter, outlet


class Reader:
    """Takes as many bytes as it has been given room for."""

    def __init__(self, room: int = 0) -> None:
        self.room = room
        self.got = b""
        self.is_gone = False

    def take(self, data: bytes) -> int:
        if self.is_gone:
            raise BrokenPipeError
        taken = data[: self.room]
        self.room -= len(taken)
        self.got += taken
        return len(taken)


def test_a_line_is_written_at_once_where_no_loop_runs() -> None:
    reader = Reader(100)
    LineWriter(reader.take).write(b"one\n")
    assert reader.got == b"one\n"


def test_what_a_reader_does_not_take_is_held_and_comes_later_in_order() -> None:
    reader = Reader(2)
    writer = LineWriter(reader.take)
    writer.write(b"one\n")
    writer.write(b"two\n")
    assert (reader.got, writer.flow) == (b"on", Flow.HELD)
    reader.room = 100
    writer.flush()
    assert (reader.got, writer.flow, writer.dropped) == (b"one\ntwo\n", Flow.FLOWING, 0)


LINE = b"x" * 1023 + b"\n"
FIT = MAX_HELD_BYTES // len(LINE)


@pytest.mark.parametrize(("lines", "flow", "dropped"), [(FIT, Flow.HELD, 0), (FIT + 1, Flow.DROPPING, 1)])
def test_what_is_held_is_bounded(lines, flow, dropped) -> None:
    writer = LineWriter(Reader().take)
    for _ in range(lines):
        writer.write(LINE)
    assert (writer.flow, writer.dropped) == (flow, dropped)


def test_the_gap_is_one_gap() -> None:
    """Once lines are dropped, all are until everything held was taken: a log with holes everywhere tells nothing."""
    reader = Reader()
    writer = LineWriter(reader.take)
    for _ in range(FIT + 1):
        writer.write(LINE)
    reader.room = len(LINE)
    writer.flush()
    writer.write(b"small\n")
    assert (writer.flow, writer.dropped) == (Flow.DROPPING, 2)
    reader.room = MAX_HELD_BYTES
    writer.flush()
    writer.write(b"after\n")
    assert (writer.flow, writer.dropped) == (Flow.FLOWING, 2)
    assert reader.got == LINE * FIT + b"after\n"


def test_a_reader_that_is_gone_is_asked_no_more() -> None:
    reader = Reader(2)
    writer = LineWriter(reader.take)
    writer.write(b"one\n")
    reader.is_gone = True
    writer.write(b"two\n")
    writer.flush()
    assert (writer.flow, writer.dropped) == (Flow.GONE, 2)
    reader.is_gone = False
    writer.write(b"three\n")
    assert (reader.got, writer.dropped) == (b"on", 3)


@pytest.mark.parametrize(("room", "got", "dropped"), [(100, b"one\ntwo\n", 0), (4, b"one\n", 1), (5, b"one\nt", 1)])
def test_closing_waits_only_so_long(room, got, dropped) -> None:
    reader = Reader()
    writer = LineWriter(reader.take)
    writer.write(b"one\n")
    writer.write(b"two\n")
    reader.room = room
    writer.close(timeout_s=0.0)
    assert (reader.got, writer.flow, writer.dropped) == (got, Flow.GONE, dropped)


@given(st.lists(st.one_of(st.integers(0, 60_000), st.just(None), st.binary(max_size=60_000)), max_size=60))
def test_what_arrives_is_what_was_written_in_order_and_whole(steps) -> None:
    """A number is room at the reader's, bytes are a line, None is a flush."""
    reader = Reader()
    writer = LineWriter(reader.take)
    kept = b""
    for step in steps:
        if isinstance(step, bytes):
            written = step.replace(b"\n", b" ") + b"\n"
            before = writer.dropped
            writer.write(written)
            kept += written if writer.dropped == before else b""
        elif step is None:
            writer.flush()
        else:
            reader.room = step
    reader.room = len(kept)
    writer.flush()
    assert reader.got == kept


async def test_the_lines_of_one_run_of_the_loop_are_written_together() -> None:
    taken: list[bytes] = []
    writer = LineWriter(lambda data: taken.append(data) or len(data))
    writer.write(b"one\n")
    writer.write(b"two\n")
    assert taken == []
    await asyncio.sleep(0)
    assert taken == [b"one\ntwo\n"]


@pytest.fixture(params=["pipe", "socket"])
def ends(request) -> Iterator[tuple[io.RawIOBase, io.RawIOBase]]:
    """(where a reader reads, our stdout)"""
    if request.param == "pipe":
        mine, stdout = os.pipe()
    else:
        mine, stdout = (end.detach() for end in socket.socketpair())
    with os.fdopen(mine, "rb", 0) as reader, os.fdopen(stdout, "wb", 0) as ours:
        yield reader, ours


async def test_a_real_reader_that_stands_still_stops_nobody(ends) -> None:
    reader, stdout = ends
    writer = LineWriter(outlet(stdout))
    lines = 0
    while writer.flow is not Flow.DROPPING:  # a write that blocked would never come back
        writer.write(b"%01022d\n" % lines)
        lines += 1
        if writer.flow is Flow.FLOWING:
            writer.flush()
    assert os.get_blocking(stdout.fileno())
    kept, got = lines - writer.dropped, b""
    while got.count(b"\n") < kept:
        got += await asyncio.to_thread(os.read, reader.fileno(), 1 << 16)
    assert got == b"".join(b"%01022d\n" % number for number in range(kept))
    assert (writer.flow, writer.dropped) == (Flow.FLOWING, 1)


def test_a_real_reader_that_is_gone(ends) -> None:
    reader, stdout = ends
    writer = LineWriter(outlet(stdout))
    reader.close()
    writer.write(b"one\n")
    assert (writer.flow, writer.dropped) == (Flow.GONE, 1)


def test_a_file(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb", 0) as file:
        LineWriter(outlet(file)).write(b"one\n")
    assert (tmp_path / "log").read_bytes() == b"one\n"


def test_a_stream_that_was_closed(tmp_path: Path) -> None:
    stream = io.BytesIO()
    writer = LineWriter(outlet(stream))
    stream.close()
    writer.write(b"one\n")
    assert writer.flow is Flow.GONE
