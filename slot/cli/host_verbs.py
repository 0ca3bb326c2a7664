"""The verbs about this host: the slot as a service of systemd, its cards, and what its units themselves call.

Here are their options and what they say of themselves; a body imports what it needs when it runs.
"""

from __future__ import annotations

from typing import Annotated

import typer

from slot.cli.options import AsJson, DryRun, Simulate, complete_profile


def install(
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The profile to make active.", autocompletion=complete_profile),
    ] = None,
    enable: Annotated[bool, typer.Option("--enable", help="Also start it at every boot.")] = False,
    start: Annotated[bool, typer.Option("--start", help="Also start it now.")] = False,
    user: Annotated[
        str | None, typer.Option(metavar="USER", help="Whose engine and weights it uses, instead of a user of its own.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", min=1, max=65535, help="Where the frontdoor listens, if not at 8000.")
    ] = None,
    simulate: Simulate = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """
    Makes slot and frontdoor services of systemd. As root; doing it again changes nothing.

    \b
    Example:
      slotctl install --profile minimax-m27-c1 --dry-run
      slotctl install --profile minimax-m27-c1 --enable --start
    """
    from slot.cli.install import install
    from slot.cli.places import paths_here

    raise typer.Exit(
        install(
            paths_here(),
            profile=profile,
            enable=enable,
            start=start,
            user=user,
            port=port,
            simulate=simulate,
            dry_run=dry_run,
            as_json=as_json,
        )
    )


def uninstall(
    purge: Annotated[
        bool, typer.Option("--purge", help="Also its data, its history, and the user and group made for it.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """
    Stops the services and takes away what `install` has written.

    \b
    Example:
      slotctl uninstall --dry-run
    """
    from slot.cli.places import paths_here
    from slot.cli.uninstall import uninstall

    raise typer.Exit(uninstall(paths_here(), purge=purge, dry_run=dry_run, as_json=as_json))


def upgrade(dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """
    Brings units and sandbox up to this version.

    A frontdoor that runs an older program is replaced without a lost request; the slot goes on as it is until its next
    switch or restart. Where all is as it should be, nothing is touched.

    \b
    Example:
      slotctl upgrade --dry-run
    """
    from slot.cli.places import paths_here
    from slot.cli.upgrade import upgrade

    raise typer.Exit(upgrade(paths_here(), dry_run=dry_run, as_json=as_json))


def recover(
    next_rung: Annotated[bool, typer.Option("--next", help="Do the next step.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Do each step, up to the first that does not help.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Also those that take the cards from every process.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    What to do after a device fault, step by step.

    Shows what is seen of each card, and does nothing unless told to.

    \b
    Example:
      slotctl recover
      slotctl recover --next
    """
    from slot.cli.recover import recover
    from slot.cli.service import paths_to_recover

    paths = paths_to_recover(is_done=next_rung or everything)
    raise typer.Exit(recover(paths, next_rung=next_rung, everything=everything, yes=yes, as_json=as_json))


def sweep() -> None:
    """
    For the unit, after every end of the slot: waits until no process of it is left and the cards' memory is free.

    \b
    Example:
      slotctl sweep
    """
    from slot.cli.service import service_paths
    from slot.cli.sweep import sweep

    raise typer.Exit(sweep(service_paths()))


def switch_now(
    request: Annotated[str, typer.Argument(metavar="NAME[:WORD...]", help="The unit's instance.")],
) -> None:
    """
    For the unit: does the switch that `slotctl switch` asks systemd for.

    \b
    Example:
      slotctl switch-now sim-a:drain-60
    """
    from slot.cli.service import service_paths
    from slot.cli.switch_now import switch_now

    raise typer.Exit(switch_now(request, service_paths()))


def settle(
    at_start: Annotated[
        bool, typer.Option("--at-start", help="The slot is about to start: put the last model that served back.")
    ] = False,
) -> None:
    """
    Finishes or undoes a switch that was cut off half-way.

    \b
    Example:
      slotctl settle
    """
    from slot.cli.service import service_paths
    from slot.cli.settle import settle

    raise typer.Exit(settle(service_paths(), at_start=at_start))
