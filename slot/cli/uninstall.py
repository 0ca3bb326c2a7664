"""`slotctl uninstall`: takes the services off this host, and leaves the slot's data unless told otherwise."""

from __future__ import annotations

from slot import units
from slot.cli.installation import carry_out, look_around, refused
from slot.install import places
from slot.install.ownership import CannotInstall
from slot.install.removal import uninstall as plan_of
from slot.install.wanted import World
from slot.paths import Paths


def uninstall(paths: Paths, *, purge: bool, dry_run: bool, as_json: bool) -> int:
    """The exit code. Raises Refused."""
    world = look_around(dry_run=dry_run)
    try:
        operations = plan_of(world, purge=purge)
    except CannotInstall as exc:
        raise refused(exc) from exc
    return carry_out(operations, _notes(world, purge=purge) if operations else [], dry_run=dry_run, as_json=as_json)


def _notes(world: World, *, purge: bool) -> list[str]:
    said = [f"{' and '.join(units.PREDECESSORS)}, if they are there, stay disabled"]
    kept = [str(path) for path in (places.DATA_DIR, places.SWITCH_DIR) if path in world.directories]
    accounts = [name for name in (places.SLOT_USER, units.OPERATORS) if name in world.accounts]
    if not purge and (kept or accounts):
        said.append(f"kept: {', '.join([*kept, *accounts])}; `slotctl uninstall --purge` takes them too")
    return said
