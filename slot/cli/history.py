"""`slotctl history`: the switches so far, the newest first; why one failed stands below it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator

import msgspec
import typer

from slot.cli.follow import times
from slot.cli.terminal import colored, faint
from slot.exit_codes import ExitCode
from slot.paths import Paths
from slot.switch import history as records
from slot.switch.history import Record
from slot.switch.journal import Desk
from slot.switch.steps import Outcome

COLORS = {Outcome.SWITCHED: "green", Outcome.DOWN: "red", Outcome.UNCHANGED: None}


def history(paths: Paths, *, number: int, as_json: bool) -> ExitCode:
    """Raises OSError."""
    found = records.newest(Desk(paths.switch_dir).history_file, number)
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(found), indent=2))
    else:
        for line in lines_of(found):
            typer.echo(line)
    return ExitCode.OK


def lines_of(found: Iterable[Record]) -> Iterator[str]:
    is_empty = True
    for record in found:
        is_empty = False
        outcome = record.outcome.replace("_", " ")
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.at))
        route = f"{record.came_from or '(none)'} -> {record.to}"
        told = colored(f"{outcome:<11}", COLORS.get(record.outcome, "yellow"))
        yield f"{stamp}  {told}  {route}  {faint(times(record))}"
        yield from (f"    {line}" for line in (record.why or "").splitlines())
        if record.door_shut:
            yield f"    nobody reached it: {record.door_shut}"
    if is_empty:
        yield "no switch so far"
