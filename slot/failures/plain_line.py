"""A line of the engine's as a terminal may show it."""

from __future__ import annotations

import re

# ECMA-48, 5.4: what moves a terminal's cursor or changes its colours.
_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def plain(line: str) -> str:
    """Without an engine's colours, and without what a prompt smuggled into its log."""
    return "".join(letter if letter.isprintable() else " " for letter in _CONTROL_SEQUENCE.sub("", line))
