"""What the local patches of an engine add, as `patches/NAME.toml` declares it: the variables they read, above all."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Patch:
    name: str
    engine_line: str
    upstream: str
    environment: frozenset[str]


def read_patches(directory: Path) -> dict[str, Patch]:
    """Every patch that is described in `directory`. Raises OSError, tomllib.TOMLDecodeError."""
    return {file.stem: patch_in(file.stem, file.read_text()) for file in sorted(directory.glob("*.toml"))}


def patch_in(name: str, text: str) -> Patch:
    content = tomllib.loads(text)
    return Patch(
        name=name,
        engine_line=str(content.get("engine_line", "")),
        upstream=str(content.get("upstream", "")),
        environment=frozenset(content.get("environment", ())),
    )


def declaring(variable: str, patches: Iterable[Patch]) -> Patch | None:
    return next((patch for patch in patches if variable in patch.environment), None)
