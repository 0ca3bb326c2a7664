"""What a long installation looks like on a narrow terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from slot.host.display import TerminalDisplay


def test_in_80_columns_the_words_give_way_and_the_time_stays() -> None:
    written = io.StringIO()
    console = Console(file=written, width=80, force_terminal=True, color_system=None)
    # an interrupted step keeps its words: the last picture has all four columns
    with pytest.raises(KeyboardInterrupt), TerminalDisplay(console) as display:
        display.step("Installing the locked packages")
        display.note(0.5, "fetched 19 of 146: a-package-with-a-rather-long-name (22 kB)")
        raise KeyboardInterrupt
    last = written.getvalue().splitlines()[-2:]
    assert any("0:00:00 fetched 19 of 146:" in line and line.rstrip().endswith("…") for line in last), last
