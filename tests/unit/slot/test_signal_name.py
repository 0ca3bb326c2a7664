"""A signal's name, also of one that has none."""

from __future__ import annotations

import signal

import pytest

from slot.signal_name import signal_name


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (signal.SIGKILL, "SIGKILL"),
        (signal.SIGRTMIN, "SIGRTMIN"),
        (signal.SIGRTMIN + 1, f"signal {signal.SIGRTMIN + 1}"),
        (signal.SIGRTMAX, "SIGRTMAX"),
        (999, "signal 999"),
    ],
)
def test_the_name(number: int, name: str) -> None:
    assert signal_name(number) == name
