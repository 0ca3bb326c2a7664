"""What a start is made of: lines, waits, marks, and the end if it is to fail. Whoever performs it prints and sleeps."""

from __future__ import annotations

from dataclasses import dataclass

from slot.simulator.log_lines import Line


@dataclass(frozen=True)
class Phase:
    """The beginning of one of `faults.PHASES`."""

    name: str


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class Exit:
    """The start has failed; `code` is the process's."""

    code: int


@dataclass(frozen=True)
class Hang:
    """Silence from here on: the process lives and never gets ready."""


Item = Line | Phase | Wait | Exit | Hang
