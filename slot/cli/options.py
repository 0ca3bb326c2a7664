"""Arguments and options that several verbs of `slotctl` have in common, each with one help text."""

from __future__ import annotations

from typing import Annotated

import typer

from slot.drain_limits import LONGEST_DRAIN_S

UNIT_WORDS = ("slot", "frontdoor", "switch")  # what `slotctl logs` tells apart


def complete_profile(incomplete: str) -> list[str]:
    from slot.cli.places import catalog_in, paths_here

    return [name for name in catalog_in(paths_here().catalog_dir).names() if name.startswith(incomplete)]


def complete_unit(incomplete: str) -> list[str]:
    return [word for word in UNIT_WORDS if word.startswith(incomplete)]


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
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Show how it goes until it has ended, or only ask for it.")
]
Force = Annotated[bool, typer.Option("--force", help="Cut off what outlasts the drain; also right after a failure.")]
DrainTimeout = Annotated[
    int,
    typer.Option(
        "--drain-timeout", metavar="SECONDS", min=0, max=LONGEST_DRAIN_S, help="How long running generations may go on."
    ),
]
ShowPlan = Annotated[bool, typer.Option("--plan", help="Say what would be done, and do nothing.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")]
