"""The verbs about models: which there are, whether each is right, and serving one in the foreground.

Here are their options and what they say of themselves; a body imports what it needs when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slot.cli.options import AsJson, EnginePort, Faults, Name, Seed, Simulate, complete_profile


def list_(
    as_json: AsJson = False,
    bases: Annotated[bool, typer.Option("--bases", help="Also those that are only there to be extended.")] = False,
) -> None:
    """
    Every profile: status, context, cap, purpose.

    A broken profile is a row that says so.

    \b
    Example:
      slotctl list
      slotctl list --json | jq -r '.[] | select(.status_family == "production") | .name'
    """
    from slot.cli.list_profiles import list_profiles
    from slot.cli.places import paths_here

    list_profiles(paths_here().catalog_dir, as_json=as_json, with_bases=bases)


def show(name: Name, simulate: Simulate = False, as_json: AsJson = False) -> None:
    """
    The exact command and environment, and where they come from.

    \b
    Example:
      slotctl show gemma4-12b-it-int4-autoround-c8
      slotctl show gemma4-12b-it-int4-autoround-c8 --json | jq -r '.argv[].text'
    """
    from slot.cli.places import command_for, paths_here, profile_named
    from slot.cli.show import show

    paths = paths_here()
    profile = profile_named(name, paths.catalog_dir)
    show(profile, command_for(profile, paths, simulate=simulate), as_json=as_json)


def check(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME|FILE]...", help="Without any: the active profile.", autocompletion=complete_profile
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every profile of the catalog.")] = False,
    here: Annotated[bool, typer.Option("--here", help="Also whether this host could serve it.")] = False,
    simulate: Simulate = False,
    fstab: Annotated[
        Path, typer.Option(help="Where this host declares its disks; --here tells a missing disk by it.")
    ] = Path("/etc/fstab"),
    as_json: AsJson = False,
) -> None:
    """
    Whether a profile is right: all its problems at once.

    With --here also whether this host could serve it: weights, mounts, engine, ports, memory, disk, and the flags by
    the engine's own parser. Exit code 78 for a bad profile, 1 for a host that could not serve it.

    \b
    Example:
      slotctl check --all
      slotctl check --here minimax-m27-c1
    """
    from slot.cli.check import check
    from slot.cli.places import paths_here

    raise typer.Exit(
        check(
            targets or (),
            paths_here(),
            everything=everything,
            here=here,
            simulate=simulate,
            fstab=fstab,
            as_json=as_json,
        )
    )


def up(
    name: Name,
    simulate: Simulate = False,
    faults: Faults = None,
    seed: Seed = 0,
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where the frontdoor listens, instead of the profile's.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", min=1, max=65535, help="The frontdoor's, instead of the profile's.")
    ] = None,
    engine_port: EnginePort = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also show what engine and frontdoor log.")] = False,
) -> None:
    """
    Serves a profile in the foreground until Ctrl-C.

    Starts slot and frontdoor, after it has checked the model, the engine and the ports.

    \b
    Example:
      slotctl up sim
      slotctl up gemma4-12b-it-int4-autoround-c8 --simulate --port 8001
    """
    from slot.cli.places import paths_here
    from slot.cli.prepare import prepare
    from slot.cli.up import up

    plan = prepare(
        name,
        paths_here(),
        simulate=simulate,
        faults=faults or (),
        seed=seed,
        host=host,
        port=port,
        engine_port=engine_port,
        is_verbose=verbose,
    )
    raise typer.Exit(up(plan))


def run(
    active: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The profile to serve, instead of the active one.")
    ] = None,
    simulate: Simulate = False,
    faults: Faults = None,
    seed: Seed = 0,
    engine_port: EnginePort = None,
) -> None:
    """
    The supervisor in the foreground, as the unit runs it.

    Serves the active profile.

    \b
    Example:
      slotctl run
      slotctl run --active /etc/b70-vllm-slot/current.env --simulate
    """
    from slot.cli.places import paths_here
    from slot.cli.run import run

    raise typer.Exit(
        run(paths_here(), active=active, simulate=simulate, faults=faults or (), seed=seed, engine_port=engine_port)
    )


def import_(
    old: Annotated[Path, typer.Argument(metavar="OLD.env", help="A profile of the predecessor: a shell script.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there; a directory gets NAME.env.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Converts a profile of the predecessor.

    Nothing of it is executed. Lists what could not be carried over; exit code 78 if the result needs mending by hand.

    \b
    Example:
      slotctl import old/gemma4-12b.env
      slotctl import old/gemma4-12b.env --output configs/model-slots
    """
    from slot.cli.import_profile import import_profile

    raise typer.Exit(import_profile(old, output=output, force=force, as_json=as_json))
