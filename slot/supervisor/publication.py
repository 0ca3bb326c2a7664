"""The slot's snapshot for everybody else: `state.json`, and systemd's line of status.

Written at once when something happened; for progress alone not more often than anybody looks, and for nothing at all
every HEARTBEAT_S, because a file that is not rewritten is not believed (`slot.state`).
"""

from __future__ import annotations

import logging
import os
from math import inf
from pathlib import Path

import msgspec

from slot import state as slot_state
from slot.atomic_file import write_atomically
from slot.state import Lifecycle, SlotState
from slot.supervisor.notify import Notifier
from slot.supervisor.snapshot import status_line

logger = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 0.5


class Publication:
    """One slot's snapshots, one after the other."""

    def __init__(self, path: Path, notifier: Notifier, *, patience_s: float) -> None:
        """`patience_s` is what systemd is asked for whenever the load has got on."""
        self._path = path
        self._notifier = notifier
        self._patience_s = patience_s
        self._last: SlotState | None = None
        self._last_at = -inf
        # Whether the load has got on since systemd was last asked for patience.
        self._has_advanced = True

    def __repr__(self) -> str:
        return f"<Publication {self._path}, {self._last and self._last.state}>"

    @property
    def due_at(self) -> float:
        """When the next one must be written though nothing happens."""
        return self._last_at + slot_state.HEARTBEAT_S

    def note_advance(self) -> None:
        self._has_advanced = True

    def offer(self, snapshot: SlotState, now: float) -> None:
        """Writes `snapshot` if it is time for it or if it says something new."""
        if self._is_due(snapshot, now - self._last_at):
            self._last, self._last_at = snapshot, now
            self._write(snapshot)
            self._tell_systemd(snapshot)

    def _is_due(self, snapshot: SlotState, since_s: float) -> bool:
        if self._last is None or since_s >= slot_state.HEARTBEAT_S:
            return True
        if _news(snapshot) != _news(self._last):
            return True
        return snapshot.progress != self._last.progress and since_s >= PROGRESS_INTERVAL_S

    def _write(self, snapshot: SlotState) -> None:
        text = slot_state.encode(snapshot)
        try:
            write_atomically(self._path, text)
        except OSError as exc:  # a full disk must not take down an engine that serves
            logger.warning("cannot write %s: %s", self._path, exc)
            self._write_over(text)

    def _write_over(self, text: bytes) -> None:
        """Into the file that is there: its block is the only room on a full disk, and without news nobody believes it.

        A reader may meet it half-way and is wrong for one look then, not for as long as the disk is full.
        """
        try:
            with self._path.open("r+b", buffering=0) as file:
                file.write(text.ljust(os.fstat(file.fileno()).st_size))  # JSON minds no blanks after it
        except OSError as exc:
            logger.warning("nor into the one before it: %s", exc)

    def _tell_systemd(self, snapshot: SlotState) -> None:
        self._notifier.status(status_line(snapshot))
        if self._has_advanced and snapshot.state is Lifecycle.LOADING:
            self._has_advanced = False
            self._notifier.allow(self._patience_s)
        self._notifier.alive()


def _news(snapshot: SlotState) -> tuple[SlotState, tuple[tuple[str, str], ...]]:
    """What makes a snapshot worth writing before its time: the pulse and how often a notice came do not."""
    told = tuple((notice.name, notice.words) for notice in snapshot.warnings)
    return msgspec.structs.replace(snapshot, updated_at=0.0, progress=None, eta_s=None, pulse=None, warnings=()), told
