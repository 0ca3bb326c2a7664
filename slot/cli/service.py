"""The slot that is a service: where its things are, for whoever asks, and whether it can be asked for anything.

An operator has no root, and a checkout's own `slotctl` has its own places (`slot.paths`). What is told to systemd is
about the service's places all the same, unless the environment says otherwise.
"""

from __future__ import annotations

import os
from pathlib import Path

from slot import state, units
from slot.cli.places import paths_here
from slot.cli.refusal import Refused
from slot.cli.systemd import refuse_without_systemd
from slot.exit_codes import ExitCode
from slot.paths import UNITS_RUN_DIR, Paths, locate
from slot.state import FINAL


def service_paths() -> Paths:
    return locate(os.environ, uid=0, home=Path.home(), prefix=Path("/"))


def is_service(paths: Paths) -> bool:
    """Whether these are the places of the units, on a system on which there can be units."""
    return paths.run_dir == UNITS_RUN_DIR and units.is_booted()


def paths_of_what_runs(now: float) -> Paths:
    """Whose status is meant. Raises OSError.

    1. The environment names a run directory          -> that one
    2. A slot runs in this user's own places          -> it
    3. A service has left a snapshot                  -> the service
    4. Neither                                        -> this user's own
    """
    own = paths_here()
    if os.environ.get("SLOT_RUN_DIR"):  # 1
        return own
    snapshot = state.read_if_sound(own.state_file)
    if snapshot is not None and snapshot.state not in FINAL and not snapshot.is_abandoned(now):  # 2
        return own
    service = service_paths()
    return service if service.state_file.exists() else own  # 3, 4


def paths_to_recover(*, is_done: bool) -> Paths:
    """Whose failure `slotctl recover` is about.

    1. Something `is_done`                  -> the service: nobody else's cards are taken away
    2. A service has left a snapshot        -> the service, whoever looks
    3. None has                             -> this user's own, such as that of `slotctl up`
    """
    service = service_paths()
    return service if is_done or service.state_file.exists() else paths_here()  # 1, 2, 3


def refuse_without(unit: str) -> None:
    """Raises Refused where systemd does not run, or does not know the unit."""
    refuse_without_systemd()
    try:
        sight = units.look(unit)
    except units.Refusal as exc:
        raise Refused(ExitCode.UNAVAILABLE, "systemd does not answer", (("found", exc.words),)) from None
    if sight.load != "loaded":
        found = (("found", f"{unit}: {sight.load}"), ("do", "sudo slotctl install --profile NAME"))
        raise Refused(ExitCode.UNAVAILABLE, "the slot is not installed as a service", found)
