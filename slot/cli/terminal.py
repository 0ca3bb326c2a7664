"""How `slotctl` looks: colours for people at a terminal, plain text for everything else.

`NO_COLOR` (any value) and a stream that is no terminal mean plain text, unwrapped, so that `grep` and `awk` work.
rich is imported only where its tables and bars are needed: it costs a fifth of what a verb may take.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 10_000  # wider than any row: nothing is wrapped or cut where nobody looks at a screen
WIDEST_LEFT = 72

STATUS_COLORS = {
    "production": "green",
    "baseline": "green",
    "production-candidate": "cyan",
    "candidate": "cyan",
    "research": "blue",
    "experiment": "yellow",
    "experimental": "yellow",
    "comparison": "yellow",
    "latency-probe": "yellow",
    "rejected": "red",
    "blocked": "red",
    "broken": "red",
}
LEVEL_COLORS = {"ok": "green", "warn": "yellow", "fail": "red", "bad": "red"}


def has_colors() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def colored(text: str, color: str | None) -> str:
    return typer.style(text, fg=color) if color and has_colors() else text


def faint(text: str) -> str:
    return typer.style(text, dim=True) if has_colors() else text


def console() -> Console:
    from rich.console import Console

    if not sys.stdout.isatty():
        return Console(width=PLAIN_WIDTH, color_system=None, force_terminal=False, highlight=False)
    return Console(color_system="auto" if has_colors() else None, highlight=False)


def echo_pairs(title: str, pairs: Iterable[tuple[str, str]]) -> None:
    """Two columns under a title; what is too wide for the left one only pushes its own right one away."""
    rows = list(pairs)
    width = max((len(left) for left, _ in rows if len(left) <= WIDEST_LEFT), default=0)
    typer.echo(title)
    for left, right in rows:
        typer.echo(f"  {left:<{width}}  {faint(right)}")


def counted(number: int, noun: str) -> str:
    """`1 problem`, `2 problems`."""
    return f"{number} {noun}{'s' * (number != 1)}"
