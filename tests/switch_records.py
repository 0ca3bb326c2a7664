"""A switch that is over, as plain data: for the tests of whoever reads the history."""

from __future__ import annotations

from slot.switch.history import Record
from slot.switch.steps import Outcome


def record(outcome: Outcome = Outcome.SWITCHED, **facts: object) -> Record:
    """From a to b within 95 s, with these facts set; `came_from` is `from` in the file."""
    plain: dict[str, object] = {
        "id": "5f3a9c01",
        "request": "b",
        "at": 1095.0,
        "began_at": 1000.0,
        "by_uid": 0,
        "came_from": "a",
        "to": "b",
        "outcome": outcome,
        "why": None,
        "exit_code": 0,
        "timings": {},
        "ours_s": 0.5,
    }
    return Record(**plain | facts)  # type: ignore[arg-type]
