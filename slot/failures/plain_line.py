"""A line of the engine's as a terminal may show it, and no longer than a person reads."""

from __future__ import annotations

import re

MOST_LETTERS = 2000
"""Of what is looked at. The longest message that is known here has 600."""

# ECMA-48, 5.4: what moves a terminal's cursor or changes its colours.
_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def plain(line: str) -> str:
    """Without an engine's colours, without what a prompt smuggled into its log, and cut at MOST_LETTERS."""
    shown = _CONTROL_SEQUENCE.sub("", line[:MOST_LETTERS])
    return shown if shown.isprintable() else "".join(letter if letter.isprintable() else " " for letter in shown)
