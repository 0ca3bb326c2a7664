"""What a check says: one frozen value, the same for the terminal, for `--json` and for the tests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """`fail`: the engine would not start, or would be wrong. `warn`: it may, and the admin should know first."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `do` is empty where there is nothing to do."""

    check: str
    level: Level
    looked_at: str
    found: str
    expected: str
    do: str = ""


def ok(check: str, looked_at: str, found: str, expected: str) -> Finding:
    return Finding(check, Level.OK, looked_at, found, expected)


def warn(check: str, looked_at: str, found: str, expected: str, do: str) -> Finding:
    return Finding(check, Level.WARN, looked_at, found, expected, do)


def fail(check: str, looked_at: str, found: str, expected: str, do: str) -> Finding:
    return Finding(check, Level.FAIL, looked_at, found, expected, do)
