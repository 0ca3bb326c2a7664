"""`slotctl status --watch`: the status as it changes, until Ctrl-C.

At a terminal it is drawn again in its place; anywhere else what has changed is printed, with the time before it.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import typer

from slot.cli.sight import Sight, as_data
from slot.cli.status import see
from slot.cli.status_lines import lines_of
from slot.cli.terminal import console
from slot.exit_codes import ExitCode
from slot.paths import Paths

LOOK_S = 1.0
NUMBER = re.compile(r"(?<!\S)\d+(?=[%,;]*(\s|$))")


def watch(paths: Paths, *, url: str | None, as_json: bool) -> ExitCode:
    """Raises as `slotctl status`."""
    show = show_json if as_json else show_live if sys.stdout.isatty() else show_changes
    with suppress(KeyboardInterrupt):
        show(lambda: see(paths, url))
    return ExitCode.OK


def show_json(look: Callable[[], Sight]) -> None:
    for sight in sights(look):
        typer.echo(json.dumps(as_data(sight)))


def show_changes(look: Callable[[], Sight]) -> None:
    told: Sequence[str] = ()
    for sight in sights(look):
        lines = list(lines_of(sight))
        stamp = time.strftime("%H:%M:%S", time.localtime(sight.now))
        for line in news(told, lines):
            typer.echo(f"{stamp}  {line}")
        told = lines


def show_live(look: Callable[[], Sight]) -> None:
    from rich.live import Live
    from rich.text import Text

    out = console()
    with Live(console=out, auto_refresh=False, vertical_overflow="crop") as screen:
        for sight in sights(look):
            text = Text.from_ansi(
                "\n".join([*lines_of(sight), "", "Ctrl-C leaves."]), no_wrap=True, overflow="ellipsis"
            )
            screen.update(text, refresh=True)


def sights(look: Callable[[], Sight]) -> Iterator[Sight]:
    """One each second: nothing tells when any of what is shown changes."""
    while True:
        yield look()
        time.sleep(LOOK_S)


def news(told: Sequence[str], lines: Sequence[str]) -> list[str]:
    """The lines that say something else than before. A number that goes on is no news; a name may have digits."""
    before = {NUMBER.sub("", line) for line in told}
    return [line for line in lines if NUMBER.sub("", line) not in before]
