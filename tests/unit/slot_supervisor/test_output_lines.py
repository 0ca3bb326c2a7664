"""Bytes into lines: ends, cuts, and pieces that arrive split anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.supervisor.output_lines import CUT_MARK, MAX_LINE_BYTES, Line, LineSplitter


@pytest.mark.parametrize(
    ("chunks", "lines", "rest"),
    [
        ([b""], [], []),
        ([b"one\n"], [Line("one")], []),
        ([b"one\ntwo"], [Line("one")], [Line("two")]),
        ([b"on", b"e\n"], [Line("one")], []),
        ([b"\rbar 1%\rbar 2%\rbar 3%\n"], [Line("bar 1%", True), Line("bar 2%", True), Line("bar 3%")], []),
        ([b"dos\r\n"], [Line("dos")], []),
        ([b"\n\n \n"], [], []),
        ([b"\xff\xfe\n"], [Line("\ufffd\ufffd")], []),
        (["é\n".encode()[:1], "é\n".encode()[1:]], [Line("é")], []),
        ([b"form\x0cfeed\x0b\n"], [Line("form\x0cfeed\x0b")], []),
    ],
)
def test_a_line_ends_where_a_terminal_would_end_it(chunks: list[bytes], lines: list[Line], rest: list[Line]) -> None:
    splitter = LineSplitter()
    assert [line for chunk in chunks for line in splitter.feed(chunk)] == lines
    assert splitter.flush() == rest


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (MAX_LINE_BYTES - 1, "x" * (MAX_LINE_BYTES - 1)),
        (MAX_LINE_BYTES, "x" * MAX_LINE_BYTES),
        (MAX_LINE_BYTES + 1, "x" * MAX_LINE_BYTES + CUT_MARK),
        (MAX_LINE_BYTES * 40, "x" * MAX_LINE_BYTES + CUT_MARK),
    ],
)
def test_a_long_line_is_cut_and_says_so(length: int, expected: str) -> None:
    assert LineSplitter().feed(b"x" * length + b"\n") == [Line(expected)]


@given(st.text(alphabet="ab \n", max_size=60), st.data())
def test_where_the_pieces_are_split_makes_no_difference(text: str, data: st.DataObject) -> None:
    whole = LineSplitter()
    expected = whole.feed(text.encode()) + whole.flush()
    split = LineSplitter()
    found: list[Line] = []
    rest = text.encode()
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        found += split.feed(rest[:size])
        rest = rest[size:]
    assert found + split.flush() == expected
