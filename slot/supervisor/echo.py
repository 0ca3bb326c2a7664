"""What the engine prints, printed again: its log is the slot's log, line by line and unchanged.

A progress bar draws itself many times a second over its last version. In a journal each version would be a line, so of
these at most one a second is passed on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from math import inf
from typing import BinaryIO

from slot.supervisor.output_lines import Line

logger = logging.getLogger(__name__)

BAR_INTERVAL_S = 1.0


class Echo:
    """Writes lines to `stream` until nobody reads it any more; the slot goes on without."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream: BinaryIO | None = stream
        self._bar_shown_at = -inf

    def write(self, lines: Iterable[Line], at: float) -> None:
        """`at` is seconds of a monotonic clock."""
        texts = [line.text for line in lines if not line.is_redrawn or self._is_bars_turn(at)]
        if not texts or self._stream is None:
            return
        try:
            self._stream.write("".join(f"{text}\n" for text in texts).encode(errors="replace"))
            self._stream.flush()
        except OSError as exc:
            self._stream = None
            logger.warning("nobody reads the engine's output any more: %s", exc)

    def _is_bars_turn(self, at: float) -> bool:
        if at - self._bar_shown_at < BAR_INTERVAL_S:
            return False
        self._bar_shown_at = at
        return True
