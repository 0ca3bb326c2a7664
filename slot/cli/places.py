"""Where things are for this call, and the active profile and the catalog there: what every verb begins with."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from slot.cli.refusal import Refused
from slot.exit_codes import ExitCode
from slot.paths import Paths, locate
from slot.profiles.catalog import Catalog, load_active
from slot.profiles.command import EngineCommand, engine_command
from slot.profiles.keys import PROFILE_NAME
from slot.profiles.profile import Profile


def paths_here() -> Paths:
    return locate(os.environ, uid=os.geteuid(), home=Path.home(), prefix=Path(sys.prefix))


def profile_named(name: str, catalog_dir: Path) -> Profile:
    """Raises Refused, UnknownProfile, ProfileError."""
    if not PROFILE_NAME.fullmatch(name):
        raise Refused(
            ExitCode.USAGE,
            f"not a profile's name: {name!r}",
            (("expected", "lower-case letters, digits, '-' and single '.'"), ("do", "`slotctl list` shows the names")),
        )
    return catalog_in(catalog_dir).load(name)


def catalog_in(directory: Path) -> Catalog:
    if directory.is_dir():
        return Catalog(directory)
    facts = (("expected", "a directory of NAME.env files"), ("do", "set SLOT_CATALOG_DIR"))
    raise Refused(ExitCode.NO_INPUT, f"there is no catalog of profiles at {directory}", facts)


def active_profile(path: Path) -> Profile:
    """Raises Refused where none is active, ProfileError."""
    try:
        return load_active(path)
    except FileNotFoundError:
        facts = (
            ("expected", "a file that `switch`, `install` or `up` writes"),
            ("do", "slotctl switch NAME, or up NAME"),
        )
        raise Refused(ExitCode.NO_INPUT, f"no profile is active: there is no {path}", facts) from None


def command_for(
    profile: Profile,
    paths: Paths,
    *,
    simulate: bool = False,
    faults: Sequence[str] = (),
    seed: int = 0,
    port: int | None = None,
) -> EngineCommand:
    """The engine's command on this host. Raises Refused for faults that a real engine cannot be given."""
    command = engine_command(
        profile,
        data_dir=paths.data_dir,
        home=Path.home(),
        python=sys.executable,
        simulate=simulate,
        faults=faults,
        seed=seed,
        port=port,
        is_offline=os.environ.get("SLOT_OFFLINE") == "1",
    )
    if faults and not command.simulated:
        facts = (("expected", "a simulated engine"), ("do", "add --simulate"))
        raise Refused(ExitCode.USAGE, "--fault is for the simulator: a real engine has its own", facts)
    return command
