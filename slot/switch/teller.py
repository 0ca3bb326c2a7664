"""Keeps the progress file true for those who watch a switch. A switch never fails for it."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from slot.switch import progress
from slot.switch.progress import Draining, Progress
from slot.switch.steps import Journal, Step

logger = logging.getLogger(__name__)


class Teller:
    def __init__(self, file: Path, journal: Journal) -> None:
        self._file = file
        self._told = _progress_of(journal)

    def step(self, journal: Journal) -> None:
        self._write(_progress_of(journal))

    def draining(self, draining: Draining) -> None:
        self._write(msgspec.structs.replace(self._told, draining=draining))

    def _write(self, told: Progress) -> None:
        self._told = told
        try:
            progress.write(self._file, told)
        except OSError as exc:
            logger.warning("cannot tell how far the switch is: %s", exc)


def _progress_of(journal: Journal) -> Progress:
    return Progress(
        id=journal.id,
        request=journal.request,
        came_from=journal.came_from.name if journal.came_from else None,
        to=journal.to.name,
        step=journal.step.value,
        since=journal.step_at,
        why=journal.why,
        outcome=journal.outcome if journal.step is Step.OVER else None,
    )
