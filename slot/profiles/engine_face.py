"""What a version of the engine accepts: its flags, and the environment variables that it reads.

`engine_faces/*.json` were written by the engines themselves (their own argument parser and their own `envs` module).
A profile may be meant for any of them, so a name that one of them knows is a known name; whether the engine of *this*
host knows it is asked of that engine (`slotctl check --here`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

FACES_DIR = Path(__file__).parent / "engine_faces"


class Flag(msgspec.Struct, frozen=True):
    """One flag. `many`: it takes several values; a `switch` takes none and, unlike a `bool`, has no `--no-` form."""

    kind: Literal["int", "int_or_auto", "float", "bool", "switch", "str", "json"]
    choices: tuple[str, ...] = ()
    many: bool = False


class EngineFace(msgspec.Struct, frozen=True):
    """`engine` is a name and a version; `flags` have no dashes in front; `environment` are the names that it reads."""

    engine: str
    flags: dict[str, Flag]
    environment: frozenset[str]


@cache
def faces() -> tuple[EngineFace, ...]:
    """Every engine that we have a description of, oldest first."""
    decoder = msgspec.json.Decoder(EngineFace)
    return tuple(decoder.decode(path.read_bytes()) for path in sorted(FACES_DIR.glob("*.json")))


@cache
def known_flags() -> Mapping[str, Flag]:
    """The flags of all the faces. Where two differ, the younger one's kind counts, and a choice of either is one."""
    known: dict[str, Flag] = {}
    for face in faces():
        for name, flag in face.flags.items():
            older = known.get(name, flag)
            choices = tuple(sorted({*older.choices, *flag.choices})) if older.choices and flag.choices else ()
            known[name] = Flag(flag.kind, choices, flag.many)
    return known


@cache
def known_environment() -> frozenset[str]:
    """The environment variables that any of the faces reads."""
    return frozenset().union(*(face.environment for face in faces()))
