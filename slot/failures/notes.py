"""What an engine said while it went on, for `warnings` in the slot's snapshot: each thing once, and how often.

The engine's log is long and says the same again and again. Here a line is known (`catalogue.NOTED`) or it is passed
over; what it means stands in words, with what to do. A note never ends anything: the pulse and the engine's own end do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from re import Match

import msgspec

from slot.failures import catalogue
from slot.failures.plain_line import plain
from slot.failures.signature import Kind, Signature
from slot.failures.signatures.notes import SPECULATION
from slot.state import Notice

MOST_NOTICES = 20
"""How many the snapshot carries: it is read every second, and an engine may name any number of variables."""


@dataclass(frozen=True)
class Note:
    """What one line means."""

    name: str
    kind: Kind
    words: str


class Notebook:
    """The notes of one engine's life. `speculates`: whether its profile has a SERVE_SPECULATIVE_CONFIG."""

    def __init__(self, *, speculates: bool) -> None:
        self._known = [each for each in catalogue.NOTED if speculates or each.name != SPECULATION]
        self._notices: dict[Note, Notice] = {}

    @property
    def notices(self) -> tuple[Notice, ...]:
        """In the order in which they were first heard, at most MOST_NOTICES."""
        return tuple(self._notices.values())

    def hear(self, lines: Iterable[str], at: float) -> list[Notice]:
        """Takes the engine's lines in; returns what was not known before. `at` is seconds since the epoch."""
        return [notice for line in lines if (notice := self._hear(line, at))]

    def _hear(self, line: str, at: float) -> Notice | None:
        note = read(line, self._known)
        if note is None:
            return None
        if (known := self._notices.get(note)) is not None:
            self._notices[note] = msgspec.structs.replace(known, count=known.count + 1)
            return None
        if len(self._notices) >= MOST_NOTICES:
            return None
        new = self._notices[note] = Notice(name=note.name, kind=note.kind, words=note.words, first_at=at, count=1)
        return new


def read(line: str, known: Iterable[Signature] = catalogue.NOTED) -> Note | None:
    """What this line means by the first of `known` that is in it; None for the many that mean nothing here."""
    shown = plain(line)
    for signature in known:
        if match := signature.pattern.search(shown):
            return _note(signature, match)
    return None


def _note(signature: Signature, match: Match[str]) -> Note:
    cause, remedy = signature.told_of(match)
    return Note(signature.name, signature.kind, f"{cause}; what to do: {remedy}")
