"""Shows how a load goes: a bar at a terminal, and a line for each phase anywhere else."""

from __future__ import annotations

from typing import Protocol

import typer

from slot.cli.terminal import console
from slot.load_words import phase_words, time_words
from slot.state import Lifecycle, LoadPhase, SlotState


class LoadView(Protocol):
    def show(self, state: SlotState) -> None:
        """A new snapshot of the slot."""

    def say(self, line: str) -> None:
        """A line of text that stays."""

    def close(self) -> None:
        """The load is over; what is said from now on is plain lines."""


class Lines:
    """For logs and pipes: one line when the phase changes."""

    def __init__(self) -> None:
        self._phase: LoadPhase | None = None

    def show(self, state: SlotState) -> None:
        if state.state is Lifecycle.LOADING and state.phase not in (None, self._phase):
            self._phase = state.phase
            typer.echo(phase_line(state))

    def say(self, line: str) -> None:
        typer.echo(line)

    def close(self) -> None:
        pass


class Bar:
    """For people at a terminal. What is said while it is drawn appears above it."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

        columns = (SpinnerColumn(), TextColumn("{task.description:<14}"), BarColumn(), TaskProgressColumn())
        self._progress = Progress(*columns, TextColumn("{task.fields[left]}"), console=console(), transient=True)
        self._task = self._progress.add_task("starting", total=1.0, left="")
        self._progress.start()

    def show(self, state: SlotState) -> None:
        if state.state is not Lifecycle.LOADING or state.phase is None:
            return
        self._progress.update(
            self._task, description=phase_words(state.phase), completed=state.progress or 0.0, left=left(state.eta_s)
        )

    def say(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._progress.stop()


def phase_line(state: SlotState) -> str:
    """`loading: graph capture, about 4 s left`"""
    return ", ".join(filter(None, (f"loading: {phase_words(state.phase)}", left(state.eta_s))))


def left(eta_s: float | None) -> str:
    """Nothing where it is not known, or over in a moment."""
    if eta_s is None or eta_s < 1:
        return ""
    return f"about {time_words(eta_s)} left"
