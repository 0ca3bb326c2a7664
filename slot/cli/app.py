"""The command line of `slotctl`, all of it: verbs, options, what they say of themselves.

A verb's body imports what it needs when it runs: `slotctl --help` and shell completion load none of it, and no verb
loads another's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="slotctl",
    no_args_is_help=True,
    # plain help: it is pasted into the docs, and rich would take as long to import as a verb may take to answer
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="The admin's side of the model slot: which model it serves, and how it is.",
)


def complete_profile(incomplete: str) -> list[str]:
    from slot.cli.places import catalog_in, paths_here

    return [name for name in catalog_in(paths_here().catalog_dir).names() if name.startswith(incomplete)]


Name = Annotated[str, typer.Argument(metavar="NAME", help="A profile of the catalog.", autocompletion=complete_profile)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Simulate = Annotated[bool, typer.Option("--simulate", help="The simulator in place of the profile's engine.")]
Faults = Annotated[
    list[str] | None,
    typer.Option("--fault", metavar="SPEC", help="A fault for the simulator, such as die_mid_stream:after_tokens=20."),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="What the simulator's text depends on.")]
EnginePort = Annotated[
    int | None, typer.Option("--engine-port", metavar="PORT", min=1, max=65535, help="Instead of the profile's.")
]


@app.command("list")
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


@app.command()
def show(name: Name, simulate: Simulate = False, as_json: AsJson = False) -> None:
    """
    The exact command and environment of a profile, and where each value comes from.

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


@app.command()
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
