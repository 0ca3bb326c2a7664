"""Shows a long installation to whoever waits: a moving line on a terminal, elsewhere plain lines with the time."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

PLAIN_NOTE_EVERY_S = 10.0


class Display(Protocol):
    """Steps follow one another; a step may be noted upon any number of times."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None: ...
    def step(self, title: str) -> None:
        """What begins now."""

    def note(self, fraction: float | None, words: str) -> None:
        """How far the step is: 0..1 or None where that is not known, and in words."""


class TerminalDisplay:
    def __init__(self, console: Console) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(12), TimeElapsedColumn())
        # with a ratio this column, and no other, gives way in a narrow terminal
        rest = TextColumn("{task.fields[words]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"))
        self._progress = Progress(*columns, rest, console=console, expand=True)
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        if kind is None:
            self._finish_step()
        self._progress.stop()

    def step(self, title: str) -> None:
        self._finish_step()
        self._task = self._progress.add_task(title, total=None, words="")

    def note(self, fraction: float | None, words: str) -> None:
        if self._task is not None:
            total = None if fraction is None else 1.0
            self._progress.update(self._task, total=total, completed=fraction or 0.0, words=words)

    def _finish_step(self) -> None:
        if self._task is not None:
            self._progress.update(self._task, total=1.0, completed=1.0, words="")
            self._progress.stop_task(self._task)


class PlainDisplay:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = self._spoke = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        pass

    def step(self, title: str) -> None:
        self._say(title)

    def note(self, fraction: float | None, words: str) -> None:
        if time.monotonic() - self._spoke >= PLAIN_NOTE_EVERY_S:
            self._say(f"  {words}")

    def _say(self, words: str) -> None:
        self._spoke = time.monotonic()
        self._console.print(
            f"[{self._spoke - self._begun:4.0f} s] {words}", markup=False, highlight=False, soft_wrap=True
        )


def open_display() -> Display:
    """On stderr: the terminal's kind where that is one."""
    console = Console(stderr=True)
    return TerminalDisplay(console) if sys.stderr.isatty() else PlainDisplay(console)
