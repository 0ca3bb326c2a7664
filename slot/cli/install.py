"""`slotctl install`: slot and frontdoor become services of this host."""

from __future__ import annotations

import os

from slot.cli.installation import carry_out, catalog_of, look_around, refused, wanted_here
from slot.cli.places import profile_named
from slot.cli.prepare import servable
from slot.cli.refusal import Refused
from slot.exit_codes import ExitCode
from slot.install import places, plan
from slot.install.ownership import CannotInstall
from slot.install.wanted import Record
from slot.paths import Paths
from slot.profiles.catalog import flatten, load_active
from slot.profiles.problems import ProfileError


def install(
    paths: Paths,
    *,
    profile: str | None,
    enable: bool,
    start: bool,
    user: str | None,
    port: int | None,
    simulate: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """The exit code. `user` and `port` None: as installed before, or the default. Raises Refused, ProfileError."""
    world = look_around(dry_run=dry_run)
    before = world.record or Record()
    catalog_dir = paths.catalog_dir if os.environ.get("SLOT_CATALOG_DIR") else catalog_of(before, paths)
    active = flatten(servable(profile_named(profile, catalog_dir))) if profile else None
    if active is None:
        _refuse_without_profile(is_needed=start)
    record = Record(user=user or before.user, port=port or before.port, simulate=simulate)
    wanted = wanted_here(record, catalog_dir, active_profile=active, enable=enable, start=start)
    try:
        operations = plan.install(wanted, world)
    except CannotInstall as exc:
        raise refused(exc) from exc
    notes = [*plan.notes(wanted, world, operations), *plan.what_next(wanted, world)]
    return carry_out(operations, notes, dry_run=dry_run, as_json=as_json)


def _refuse_without_profile(*, is_needed: bool) -> None:
    """What is active stays so, if there is something that can be served."""
    do = ("do", "name the profile to make active: --profile NAME; `slotctl list` shows them")
    try:
        load_active(places.ACTIVE_PROFILE)
    except FileNotFoundError:
        if is_needed:
            raise Refused(
                ExitCode.NO_INPUT, f"no profile is active: there is no {places.ACTIVE_PROFILE}", (do,)
            ) from None
    except ProfileError as exc:
        facts = (*(("found", str(problem)) for problem in exc.problems[:1]), do)
        raise Refused(ExitCode.CONFIG, f"{places.ACTIVE_PROFILE} is no profile of ours", facts) from exc
