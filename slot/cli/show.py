"""`slotctl show NAME`: what would be started, word for word, and where each word comes from."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from slot.cli.terminal import STATUS_COLORS, colored, echo_pairs
from slot.profiles.command import Argument, EngineCommand
from slot.profiles.profile import Profile, Value


def show(profile: Profile, command: EngineCommand, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(as_data(profile, command), indent=2))
    else:
        tell(profile, command)


def as_data(profile: Profile, command: EngineCommand) -> dict[str, Any]:
    return {
        "name": profile.name,
        "path": str(profile.path),
        "title": profile.title,
        "purpose": profile.purpose,
        "status": profile.status,
        "status_reason": profile.status_reason,
        "story": profile.story,
        "lineage": profile.lineage,
        "sha256": profile.sha256,
        "simulated": command.simulated,
        "argv": [asdict(word) for word in command.argv],
        "environment": {name: asdict(value) for name, value in command.environment.items()},
        "frontdoor": {name: asdict(value) for name, value in values_of(profile, "FRONTDOOR_").items()},
        "slot": {name: asdict(value) for name, value in values_of(profile, "MODEL_SLOT_").items()},
    }


def values_of(profile: Profile, prefix: str) -> Mapping[str, Argument]:
    """The values that one of our own readers takes, with their origins."""
    items = sorted(profile.values.items())
    return {key: Argument(value.text, origin_of(value)) for key, value in items if key.startswith(prefix)}


def origin_of(value: Value) -> str:
    return f"{Path(value.file).name}:{value.line}"


def grouped(argv: Sequence[Argument]) -> Iterator[tuple[str, str]]:
    """The command line with each flag beside its values, quoted as a shell takes it."""
    group: list[Argument] = []
    for word in argv:
        if group and (word.text.startswith("--") or word.origin != group[0].origin):
            yield shlex.join(each.text for each in group), group[0].origin
            group = []
        group.append(word)
    if group:
        yield shlex.join(each.text for each in group), group[0].origin


def tell(profile: Profile, command: EngineCommand) -> None:
    typer.echo(f"{profile.name}  {colored(profile.status, STATUS_COLORS.get(profile.status_family))}")
    for label, text in facts(profile):
        typer.echo(f"  {label:<7}  {text}")
    for title, rows in sections(profile, command):
        typer.echo()
        echo_pairs(title, rows)


def facts(profile: Profile) -> Iterator[tuple[str, str]]:
    said = {
        "title": profile.title,
        "purpose": profile.purpose,
        "reason": profile.status_reason,
        "story": profile.story,
        "file": str(profile.path),
        "lineage": " <- ".join(profile.lineage),
        "sha256": profile.sha256,
    }
    return ((label, text) for label, text in said.items() if text)


def sections(profile: Profile, command: EngineCommand) -> Iterator[tuple[str, Iterable[tuple[str, str]]]]:
    yield "COMMAND" + (" (simulated engine)" if command.simulated else ""), grouped(command.argv)
    yield "ENVIRONMENT", assignments(command.environment)
    yield "FRONTDOOR", assignments(values_of(profile, "FRONTDOOR_"))
    yield "SLOT", assignments(values_of(profile, "MODEL_SLOT_"))


def assignments(values: Mapping[str, Argument]) -> Iterable[tuple[str, str]]:
    return ((f"{name}={value.text}", value.origin) for name, value in values.items())
