"""What the engine prints, printed again: its log is the slot's log, line by line and unchanged.

A progress bar draws itself many times a second over its last version. In a journal each version would be a line, so of
these at most one a second is passed on.

A terminal that was stopped (Ctrl-S) or a journal that hangs takes nothing for a while, and a supervisor that waits for
it would look dead to everybody. So a thread does the writing; when it is far behind, lines are dropped and counted.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Iterable
from math import inf

from slot.supervisor.output_lines import Line

logger = logging.getLogger(__name__)

BAR_INTERVAL_S = 1.0
BATCHES_WAITING = 256
"""How far behind the writer may be; a batch is what the engine wrote at once, 64 KiB at most."""

_LAST_WORDS_S = 1.0


class Echo:
    """Writes lines to a file descriptor until nobody reads it any more; the slot goes on without."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._waiting: queue.Queue[bytes | None] = queue.Queue(BATCHES_WAITING)
        self._bar_shown_at = -inf
        self._dropped = 0
        # A daemon: a write that hangs must not keep the process from ending.
        self._writer = threading.Thread(target=self._write_all, name="echo of the engine", daemon=True)
        self._writer.start()

    def write(self, lines: Iterable[Line], at: float) -> None:
        """Never waits. `at` is seconds of a monotonic clock."""
        texts = [line.text for line in lines if not line.is_redrawn or self._is_bars_turn(at)]
        if not texts:
            return
        note = [f"[{self._dropped} lines of the engine's output were not taken and are lost]"] if self._dropped else []
        try:
            self._waiting.put_nowait("".join(f"{text}\n" for text in note + texts).encode(errors="replace"))
            self._dropped = 0
        except queue.Full:
            self._dropped += len(texts)

    def close(self) -> None:
        """Waits a moment for the last lines to be written."""
        try:
            self._waiting.put(None, timeout=_LAST_WORDS_S)
        except queue.Full:
            return
        self._writer.join(_LAST_WORDS_S)

    def _is_bars_turn(self, at: float) -> bool:
        if at - self._bar_shown_at < BAR_INTERVAL_S:
            return False
        self._bar_shown_at = at
        return True

    def _write_all(self) -> None:
        is_read = True
        while (text := self._waiting.get()) is not None:
            if is_read:
                is_read = self._write_out(text)

    def _write_out(self, text: bytes) -> bool:
        """Whether somebody reads it. Not `sys.stdout`: its lock would be held by a write that hangs at exit."""
        try:
            while text:
                text = text[os.write(self._fd, text) :]
        except OSError as exc:
            logger.warning("nobody reads the engine's output any more: %s", exc)
            return False
        return True
