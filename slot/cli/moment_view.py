"""Shows what is done at this moment: a bar at a terminal, and a line whenever it says something new anywhere else."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Protocol

import typer

from slot.cli.terminal import console
from slot.load_words import time_words


@dataclass(frozen=True)
class Moment:
    """`label`: what is done; `words`: that, and how it goes. `fraction`: 0..1 of it, None where nobody knows.

    `left`: how long it will take, in words. `news`: what must differ for another line in a log, beside the label.
    """

    label: str
    words: str
    fraction: float | None = None
    left: str = ""
    news: str = ""


class MomentView(Protocol):
    def show(self, moment: Moment) -> None:
        """What is done now; the same again costs nothing."""

    def say(self, line: str) -> None:
        """A line that stays."""

    def close(self) -> None:
        """It is over; what is said from now on is plain lines."""


def view() -> MomentView:
    return Bar() if sys.stdout.isatty() else Lines()


class Lines:
    """For logs and pipes. What was said once is not said again."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def show(self, moment: Moment) -> None:
        if (moment.label, moment.news) not in self._told:
            self._told.add((moment.label, moment.news))
            typer.echo(", ".join(filter(None, (moment.words, moment.left))))

    def say(self, line: str) -> None:
        typer.echo(line)

    def close(self) -> None:
        pass


class Bar:
    """For people at a terminal: what was done and how long it took stays above the bar."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TaskProgressColumn())
        self._progress = Progress(*columns, TextColumn("{task.fields[left]}"), console=console(), transient=True)
        self._task = self._progress.add_task("starting", total=1.0, left="")
        self._progress.start()
        self._label: str | None = None
        self._since = 0.0

    def show(self, moment: Moment) -> None:
        if moment.label != self._label:
            self._finish()
            self._label, self._since = moment.label, time.monotonic()
        # without a total it moves to and fro; `update` would take None for "as before"
        self._progress.tasks[self._task].total = None if moment.fraction is None else 1.0
        self._progress.update(self._task, description=moment.words, completed=moment.fraction or 0.0, left=moment.left)

    def say(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._finish()
        self._progress.stop()

    def _finish(self) -> None:
        if self._label is not None:
            self.say(f"  {self._label}  {time_words(time.monotonic() - self._since)}")
            self._label = None
