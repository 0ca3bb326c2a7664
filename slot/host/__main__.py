"""Prepares this host for a profile that we ship.

`python -m slot.host tiny-cpu` installs the engine's venv and makes the model, with visible progress; when all is there
it says nothing and is done in a fifth of a second.

`python -m slot.host --engine cpu` prepares an engine and the tiny model, without a profile.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from slot.exit_codes import ExitCode
from slot.host import engine_venv, shipped_models
from slot.host.engines import SHIPPED
from slot.host.preparation import Preparation, preparation_for
from slot.host.terminal import say
from slot.paths import locate
from slot.profiles.catalog import Catalog
from slot.profiles.command import engine_command
from slot.profiles.problems import ProfileError, UnknownProfile
from slot.profiles.profile import Profile


def main() -> int:
    arguments = _arguments()
    # as Ctrl-C, so that a SIGTERM leaves nothing half made either
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        _prepare(arguments.profile, arguments.engine)
    except (engine_venv.CannotInstall, shipped_models.NoModel) as reason:
        say(str(reason))  # no full stop: it may end with a command to paste
        return ExitCode.UNAVAILABLE
    except OSError as error:
        say(f"This host cannot be prepared: {error}.")
        return ExitCode.IO_ERROR
    except KeyboardInterrupt:
        say("Interrupted: nothing half made is left.")
        return 128 + signal.SIGINT
    return ExitCode.OK


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m slot.host", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("profile", nargs="?", help="a profile of the catalog")
    what.add_argument("--engine", choices=sorted(SHIPPED), help="an engine that we ship, and the tiny model")
    return parser.parse_args()


def _prepare(profile_name: str | None, engine_name: str | None) -> None:
    places = locate(os.environ, uid=os.geteuid(), home=Path.home(), prefix=Path(sys.prefix))
    if engine_name is not None:
        _make_ready(Preparation(SHIPPED[engine_name], tiny_model=True), places.data_dir, None)
    elif profile := _profile(profile_name or "", places.catalog_dir):
        if preparation := preparation_for(profile):
            _make_ready(preparation, places.data_dir, profile)


def _profile(name: str, catalog_dir: Path) -> Profile | None:
    """None for a profile that is not there or not good: `slotctl up`, which follows, says all that is wrong with it."""
    try:
        return Catalog(catalog_dir).load(name)
    except (UnknownProfile, ProfileError):
        return None


def _make_ready(preparation: Preparation, data_dir: Path, profile: Profile | None) -> None:
    engine = preparation.engine
    venv = engine_venv.ensure(engine, engine_venv.lock_file(engine), data_dir)
    if preparation.tiny_model:
        shipped_models.ensure_tiny_model(venv, data_dir)
    if preparation.hub_model and profile:
        command = engine_command(profile, data_dir=data_dir, home=Path.home(), python=sys.executable)
        environment = {name: variable.text for name, variable in command.environment.items()}
        shipped_models.ensure_weights(venv, profile.hf_id, profile.get("MODEL_SLOT_HF_REVISION"), environment)


if __name__ == "__main__":
    sys.exit(main())
