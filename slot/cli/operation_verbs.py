"""The verbs for a slot that is a service: what is served now, and another in its place.

Here are their options and what they say of themselves; a body imports what it needs when it runs.
"""

from __future__ import annotations

from typing import Annotated

import typer

from slot.cli.options import (
    AsJson,
    DrainTimeout,
    Force,
    Name,
    ShowPlan,
    Wait,
    complete_unit,
)
from slot.drain_limits import DRAIN_TIMEOUT_S


def status(
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The frontdoor to ask, instead of the active profile's.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it until Ctrl-C, as it changes.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    What is served and how it is. Exit code 0 while it serves, 69 where nothing runs, otherwise 1.

    With --watch and --json: one object a line, every second.

    \b
    Example:
      slotctl status
      slotctl status --watch
      slotctl status --json | jq .slot.failure
    """
    import time

    from slot.cli.service import paths_of_what_runs

    paths = paths_of_what_runs(time.time())
    if watch:
        from slot.cli.watch import watch as show_it

        raise typer.Exit(show_it(paths, url=url, as_json=as_json))
    from slot.cli.status import status

    raise typer.Exit(status(paths, url=url, as_json=as_json))


def switch(
    name: Name,
    plan: ShowPlan = False,
    force: Force = False,
    drain_timeout: DrainTimeout = DRAIN_TIMEOUT_S,
    no_rollback: Annotated[
        bool, typer.Option("--no-rollback", help="If it fails, stay down instead of going back to the last model.")
    ] = False,
    allow_unproven: Annotated[
        bool, typer.Option("--allow-unproven", help="Also a profile that is rejected, blocked, or failed just now.")
    ] = False,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """
    Puts another model into the slot. Ends with a model that serves, the new one or the old.

    Checks everything, refuses new generations, lets running ones end, stops, loads, verifies. What fails goes back to
    the model before. It is done by a unit of systemd: Ctrl-C or a lost connection do not stop it. Exit code 0 when the
    new model serves, 68 when it does and the frontdoor could not be opened, 1 when it does not, 71 after a device
    fault, 73 while another switch runs, 78 when refused.

    \b
    Example:
      slotctl switch gemma4-12b-it-int4-autoround-c8 --plan
      slotctl switch gemma4-12b-it-int4-autoround-c8
    """
    from slot.cli.asking import Manner
    from slot.cli.switch import Wishes, switch

    wishes = Wishes(force, drain_timeout, no_rollback, allow_unproven)
    raise typer.Exit(switch(name, wishes, Manner(plan, wait, as_json)))


def rollback(
    plan: ShowPlan = False,
    force: Force = False,
    drain_timeout: DrainTimeout = DRAIN_TIMEOUT_S,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """
    Switches to the model that served before this one.

    \b
    Example:
      slotctl rollback --plan
      slotctl rollback
    """
    from slot.cli.asking import Manner
    from slot.cli.switch import Wishes, rollback

    raise typer.Exit(rollback(Wishes(force, drain_timeout), Manner(plan, wait, as_json)))


def restart(
    plan: ShowPlan = False,
    force: Force = False,
    drain_timeout: DrainTimeout = DRAIN_TIMEOUT_S,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """
    Loads the active model again. As careful as a switch: running generations may end first.

    \b
    Example:
      slotctl restart
      slotctl restart --drain-timeout 30 --force
    """
    from slot.cli.asking import Manner
    from slot.cli.switch import Wishes, restart

    raise typer.Exit(restart(Wishes(force, drain_timeout), Manner(plan, wait, as_json)))


def history(
    number: Annotated[int, typer.Option("--number", "-n", metavar="N", min=1, help="How many, the newest first.")] = 10,
    as_json: AsJson = False,
) -> None:
    """
    The switches so far, and how each ended.

    When, from what to what, why it failed, how long each part took.

    \b
    Example:
      slotctl history
      slotctl history --json | jq -r '.[0].why'
    """
    from slot.cli.history import history
    from slot.cli.service import service_paths

    raise typer.Exit(history(service_paths(), number=number, as_json=as_json))


def logs(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[slot|frontdoor|switch]...", help="Without any: all.", autocompletion=complete_unit),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    number: Annotated[
        int | None,
        typer.Option("--number", "-n", metavar="N", min=0, help="The last lines only; 50 unless --since is given."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From then on, in journalctl's words: today, -10min.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    What slot, frontdoor and switches have logged.

    \b
    Example:
      slotctl logs --follow
      slotctl logs slot --since -1h
    """
    from slot.cli.logs import logs

    logs(what or (), follow=follow, number=number, since=since, as_json=as_json)


def pause(
    reason: Annotated[str, typer.Argument(metavar="[REASON]", help="What clients are told.")] = "maintenance",
    as_json: AsJson = False,
) -> None:
    """
    Refuses new generations, with 503 and the reason. Those that run go on.

    \b
    Example:
      slotctl pause "back at noon"
    """
    from slot.cli.pause import pause

    raise typer.Exit(pause(reason, as_json=as_json))


def resume(as_json: AsJson = False) -> None:
    """
    Admits generations again.

    \b
    Example:
      slotctl resume
    """
    from slot.cli.pause import resume

    raise typer.Exit(resume(as_json=as_json))


def drain(
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="Give up waiting after this. Without it: never.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Refuses new generations, and waits until none is left.

    It stays paused. Exit code 0 when nobody is left, 1 when not in time, 75 when somebody resumed meanwhile.

    \b
    Example:
      slotctl drain --timeout 300 && slotctl restart
    """
    from slot.cli.pause import drain

    raise typer.Exit(drain(timeout, as_json=as_json))
