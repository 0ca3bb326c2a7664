"""`switch-vllm-model-slot`: the predecessor's command and its verbs, done by `slotctl`.

    list                 slotctl list
    status               slotctl status
    switch PROFILE       slotctl switch NAME; PROFILE is a name, or the path of a profile's file, as it was there
    restore-minimax      slotctl switch minimax-m27-c1

What follows a verb goes to `slotctl` as it is. Here is decided what the words mean now, and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from slot.cli.refusal import Refused
from slot.exit_codes import ExitCode

MINIMAX = "minimax-m27-c1"
USAGE = """\
usage: switch-vllm-model-slot list | status | switch PROFILE | restore-minimax

The command of before. Each verb is one of slotctl, which can do more: slotctl --help
"""


def main() -> None:
    from slot.cli.__main__ import main as slotctl
    from slot.cli.places import paths_here

    given = sys.argv[1:]
    if given in ([], ["help"], ["-h"], ["--help"]):
        (sys.stdout if given else sys.stderr).write(USAGE)
        sys.exit(ExitCode.OK if given else ExitCode.USAGE)
    try:
        words = words_of_slotctl(given, paths_here().catalog_dir)
    except Refused as exc:
        sys.stderr.write(f"switch-vllm-model-slot: {exc}\n")
        sys.exit(exc.code)
    slotctl(words)


def words_of_slotctl(given: Sequence[str], catalog_dir: Path) -> list[str]:
    """The same, for `slotctl`. Raises Refused for what it has no words for."""
    match given:
        case ["list" | "status", *_]:
            return list(given)
        case ["switch", profile, *options]:
            return ["switch", name_of(profile, catalog_dir), *options]
        case ["restore-minimax", *options]:
            return ["switch", MINIMAX, *options]
        case ["switch"]:
            facts = (("expected", "switch PROFILE"), ("do", "`slotctl list` shows the names"))
            raise Refused(ExitCode.USAGE, "switch to which profile?", facts)
        case _:
            facts = (("expected", "list, status, switch PROFILE or restore-minimax"), ("do", "slotctl --help"))
            raise Refused(ExitCode.USAGE, f"no verb of this command: {given[0]!r}", facts)


def name_of(profile: str, catalog_dir: Path) -> str:
    """A profile's name.

    1. A name                                       -> itself
    2. `X.env`, or a path to such a file            -> X
    3. ... that exists, and is not the catalog's X  -> refused: what would be served is not what was asked for
    """
    path = Path(profile)
    if path.suffix != ".env":
        return profile  # 1
    if path.exists() and path.resolve() != (catalog_dir / path.name).resolve():  # 3
        facts = (
            ("found", f"{path}, which is not in the catalog {catalog_dir}"),
            ("expected", "a profile of the catalog"),
            ("do", f"slotctl import {path}; or, for the catalog's: slotctl switch {path.stem}"),
        )
        raise Refused(ExitCode.USAGE, "only profiles of the catalog are switched to", facts)
    return path.stem  # 2
