"""The engine's lines printed again: all of them, of a bar one a second, and nobody's absence matters."""

from __future__ import annotations

import io

import pytest

from slot.supervisor.echo import Echo
from slot.supervisor.output_lines import Line

BAR = Line("bar", is_redrawn=True)


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
def test_what_is_printed(batches: list[tuple[float, list[Line]]], printed: str) -> None:
    stream = io.BytesIO()
    echo = Echo(stream)
    for at, lines in batches:
        echo.write(lines, at)
    assert stream.getvalue().decode() == printed


class _Nobody(io.BytesIO):
    """A pipe whose reader is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts = 0

    def flush(self) -> None:
        self.attempts += 1
        raise BrokenPipeError


def test_a_reader_that_is_gone_is_not_asked_again() -> None:
    stream = _Nobody()
    echo = Echo(stream)
    echo.write([Line("one")], 0.0)
    echo.write([Line("two")], 1.0)
    assert stream.attempts == 1
