"""What a stranger is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from slot.simulator import help_text
from slot.simulator.argv import OWN_FLAGS
from slot.simulator.faults import FaultName


def test_every_flag_of_its_own_is_told() -> None:
    assert list(help_text.OWN) == list(OWN_FLAGS)


@pytest.mark.parametrize("name", FaultName)
def test_every_fault_is_told(name: FaultName) -> None:
    assert f"\n{name} " in help_text.text()


@pytest.mark.parametrize(
    ("words", "is_asked"),
    [
        ([], False),
        (["--help"], True),
        (["-h"], True),
        (["serve", "-h"], True),
        (["serve", "--help"], True),
        (["serve", "tiny", "--port", "1", "--help=all"], True),
        (["serve"], False),
        (["serve", "tiny", "--host", "x"], False),
    ],
)
def test_help_is_asked_for_anywhere(words: list[str], is_asked: bool) -> None:
    assert help_text.is_asked_for(words) is is_asked


def test_the_command_tells_it_and_serves_nothing() -> None:
    words = [sys.executable, "-m", "slot.simulator", "serve", "-h"]
    told = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    assert (told.stdout, told.stderr) == (help_text.text(), "")


def test_without_a_word_it_is_told_as_a_mistake() -> None:
    told = subprocess.run([sys.executable, "-m", "slot.simulator"], capture_output=True, text=True, timeout=30)
    assert (told.returncode, told.stdout, told.stderr) == (2, "", help_text.text())
