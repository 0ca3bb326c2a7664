"""What an admin reads of a frontdoor's state."""

from __future__ import annotations

import os

import calls
import pytest

from frontdoor.admin import control_client
from frontdoor.view import status


def told(**facts: object) -> str:
    answer = {"reply": "done", "status": status.status(calls.watch(), calls.occupancy(**facts))}
    return control_client._in_words("status", answer)


def test_a_status_is_a_few_lines() -> None:
    assert told(connections=3).splitlines() == [
        "state        unreachable: no engine answers at http://127.0.0.1:18080",
        "profile      standalone",
        "active       0 of 8",
        "waiting      0 of 0",
        "connections  3 of 4096",
        "paused       no",
        f"uptime       20 s, process {os.getpid()}",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3661, "1 h 1 min"), (90_061, "1 d 1 h"), (86_400, "1 d")],
)
def test_a_duration_has_its_two_largest_parts(seconds: float, words: str) -> None:
    assert control_client._duration(seconds) == words


def test_a_pause_is_told_with_who_and_why() -> None:
    assert control_client._paused({"by": "file", "why": None}) == "by file"
    assert control_client._paused({"by": "admin", "why": "new model"}) == "by admin: new model"
