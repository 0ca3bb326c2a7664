"""Stop strings in text that arrives piece by piece.

The end of what has arrived may be the beginning of a stop string, so that much is held back until more is known: no
client ever sees a part of a stop string, and the stop string itself is not part of the answer (vLLM's default).
"""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """Feed it pieces; `hit` is the stop string that was found, None as long as none was."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held_back = ""
        self.hit: str | None = None

    def feed(self, piece: str) -> str:
        """The text that may be shown now."""
        text = self._held_back + piece
        found = [(text.index(stop), stop) for stop in self._stops if stop in text]
        if found:
            at, self.hit = min(found)
            self._held_back = ""
            return text[:at]
        keep = self._could_begin(text)
        self._held_back = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """What was held back, now that no more text comes."""
        held_back, self._held_back = self._held_back, ""
        return held_back

    def _could_begin(self, text: str) -> int:
        """How many characters at the end of `text` are the beginning of some stop string."""
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        sizes = range(min(longest, len(text)), 0, -1)
        return next((size for size in sizes if any(stop.startswith(text[-size:]) for stop in self._stops)), 0)
