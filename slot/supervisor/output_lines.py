"""The engine's output, as lines: what a terminal would show, cut where a log must be.

Progress bars redraw themselves with a carriage return, so both `\\n` and `\\r` end a line here. A line without an end
would grow for ever in memory: what goes beyond `MAX_LINE_BYTES` is dropped, and the cut is marked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LINE_BYTES = 8192
CUT_MARK = " [cut]"

_END = re.compile(rb"(\r\n|\n|\r)")


@dataclass(frozen=True)
class Line:
    """One line without its end. `is_redrawn`: it ended in a carriage return, so a terminal would write over it."""

    text: str
    is_redrawn: bool = False


class LineSplitter:
    """Bytes in as they come, whole lines out. Blank lines are left out: progress bars make one with every redraw."""

    def __init__(self) -> None:
        # The beginning of a line whose end has not come yet; one byte more than allowed tells that it is cut.
        self._begun = b""

    def feed(self, data: bytes) -> list[Line]:
        """The lines that `data` ends."""
        bodies_and_ends = _END.split(data)
        lines = []
        for body, end in zip(bodies_and_ends[::2], bodies_and_ends[1::2], strict=False):
            self._add(body)
            lines += self._end(is_redrawn=end == b"\r")
        self._add(bodies_and_ends[-1])
        return lines

    def flush(self) -> list[Line]:
        """The last line, when nothing more will come."""
        return self._end(is_redrawn=False)

    def _add(self, body: bytes) -> None:
        self._begun = (self._begun + body)[: MAX_LINE_BYTES + 1]

    def _end(self, *, is_redrawn: bool) -> list[Line]:
        begun, self._begun = self._begun, b""
        if not begun.strip():
            return []
        mark = CUT_MARK if len(begun) > MAX_LINE_BYTES else ""
        return [Line(begun[:MAX_LINE_BYTES].decode(errors="replace") + mark, is_redrawn)]
