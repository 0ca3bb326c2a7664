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
)


def say_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(version("b70-model-slot"))
        raise typer.Exit


@app.callback()
def slotctl(
    version: Annotated[
        bool, typer.Option("--version", callback=say_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """The admin's side of the model slot: which model it serves, and how it is."""


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


@app.command()
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


@app.command()
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


@app.command()
def status(
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="The frontdoor to ask, instead of the active profile's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    What is served and how it is. Exit code 0 while it serves, 69 where nothing runs, otherwise 1.

    \b
    Example:
      slotctl status
      slotctl status --json | jq .slot.failure
    """
    from slot.cli.places import paths_here
    from slot.cli.status import status

    raise typer.Exit(status(paths_here(), url=url, as_json=as_json))


@app.command("import")
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
