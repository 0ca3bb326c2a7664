"""`slotctl settle`: a switch that was cut off half-way is finished or undone.

Mostly systemd was faster: it starts a switch that was killed again. What is left is a reboot, which the slot's own
start settles (`--at-start`), and an admin who wants it over.
"""

from __future__ import annotations

from contextlib import closing

import typer

from slot import lock
from slot.cli.refusal import Refused
from slot.cli.switch_now import log_to_stderr
from slot.exit_codes import ExitCode
from slot.paths import Paths
from slot.switch.journal import UnreadableJournal
from slot.switch.settlement import Asked, AtStart
from slot.switch.steps import Outcome
from slot.switch.transaction import settle_half_done
from slot.switch.world import world_at


def settle(paths: Paths, *, at_start: bool) -> ExitCode:
    """Raises Refused, OSError.

    1. Nothing is half-done                      -> says so, and is done
    2. A switch is at work                       -> at the slot's start: it is what starts the slot; else refused
    3. The journal is no journal                 -> refused; at the slot's start: loud, and no reason to serve nothing
    4. The disk does not take it                 -> the same
    5. Otherwise                                 -> finished or undone
    """
    log_to_stderr()
    world = world_at(paths)
    if not world.desk.journal_file.exists():  # 1
        typer.echo("no switch is half-done")
        return ExitCode.OK
    try:
        world.lock_file.parent.mkdir(parents=True, exist_ok=True)
        with closing(lock.take(world.lock_file)):
            record = settle_half_done(world, AtStart() if at_start else Asked())
    except lock.Held as held:  # 2
        if at_start:
            return ExitCode.OK
        facts = (("found", str(held)), ("do", "`slotctl status` shows how far it is"))
        raise Refused(ExitCode.CANNOT_CREATE, "a switch is under way", facts) from None
    except UnreadableJournal as exc:  # 3
        if at_start:
            typer.echo(str(exc), err=True)
            return ExitCode.OK
        raise Refused(ExitCode.IO_ERROR, str(exc)) from exc
    except OSError as exc:  # 4
        if not at_start:
            raise
        typer.echo(f"the half-done switch could not be settled: {exc}", err=True)
        return ExitCode.OK
    if record is None:
        return ExitCode.OK
    typer.echo(f"{record.request}: {record.outcome}{f': {record.why}' if record.why else ''}")  # 5
    has_lost = record.outcome is Outcome.DOWN and not at_start
    return ExitCode(record.exit_code) if has_lost else ExitCode.OK
