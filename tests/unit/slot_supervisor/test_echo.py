"""The engine's lines printed again: all of them, of a bar one a second, and whoever does not read holds nothing up."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from slot.supervisor.echo import BATCHES_WAITING, Echo
from slot.supervisor.output_lines import Line

BAR = Line("bar", is_redrawn=True)
MORE_THAN_A_PIPE_HOLDS = 256 * 1024


class Pipe(NamedTuple):
    read_end: int
    write_end: int


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe(*os.pipe())
    yield pipe
    for end in pipe:
        try:
            os.close(end)
        except OSError:
            continue


def read_all(pipe: Pipe) -> str:
    os.close(pipe.write_end)
    data = b""
    while chunk := os.read(pipe.read_end, 65536):
        data += chunk
    return data.decode()


@pytest.mark.parametrize(
    ("batches", "printed"),
    [
        ([], ""),
        ([(0.0, [Line("one"), Line("two")])], "one\ntwo\n"),
        ([(0.0, [Line("\ufffd é")])], "\ufffd é\n"),
        ([(0.0, [BAR, BAR, BAR])], "bar\n"),
        ([(0.0, [BAR]), (0.9, [BAR])], "bar\n"),
        ([(0.0, [BAR]), (1.0, [BAR])], "bar\nbar\n"),
        ([(0.0, [BAR, Line("end of it")]), (0.1, [BAR])], "bar\nend of it\n"),
    ],
)
def test_what_is_printed(pipe: Pipe, batches: list[tuple[float, list[Line]]], printed: str) -> None:
    echo = Echo(pipe.write_end)
    for at, lines in batches:
        echo.write(lines, at)
    echo.close()
    assert read_all(pipe) == printed


def test_a_reader_that_is_gone_is_noticed_once(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    os.close(pipe.read_end)
    echo = Echo(pipe.write_end)
    for number in range(3):
        echo.write([Line(f"line {number}")], 0.0)
    echo.close()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_reader_that_stands_still_holds_nothing_up_and_is_told_what_it_missed(pipe: Pipe) -> None:
    echo = Echo(pipe.write_end)
    echo.write([Line("x" * MORE_THAN_A_PIPE_HOLDS)], 0.0)
    for number in range(BATCHES_WAITING + 10):
        echo.write([Line(f"line {number}")], 0.0)
    printed = b""
    while b"line 100\n" not in printed:
        printed += os.read(pipe.read_end, 65536)
    echo.write([Line("the last line")], 0.0)
    echo.close()
    last_lines = read_all(pipe).splitlines()[-2:]
    assert re.fullmatch(r"\[(10|11) lines of the engine's output were not taken and are lost\]", last_lines[0])
    assert last_lines[1] == "the last line"
