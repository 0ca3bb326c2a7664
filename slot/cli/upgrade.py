"""`slotctl upgrade`: what is installed becomes what this version would install. User, port and profile stay."""

from __future__ import annotations

from slot.cli.installation import carry_out, catalog_of, look_around, refused, wanted_here
from slot.cli.refusal import Refused
from slot.exit_codes import ExitCode
from slot.install import plan
from slot.install.ownership import CannotInstall
from slot.paths import Paths


def upgrade(paths: Paths, *, dry_run: bool, as_json: bool) -> int:
    """The exit code. Raises Refused."""
    world = look_around(dry_run=dry_run)
    if world.record is None:
        facts = (("do", "slotctl install --profile NAME"),)
        raise Refused(ExitCode.NO_INPUT, "nothing is installed that could be upgraded", facts)
    wanted = wanted_here(world.record, catalog_of(world.record, paths))
    try:
        operations = plan.upgrade(wanted, world)
    except CannotInstall as exc:
        raise refused(exc) from exc
    return carry_out(operations, plan.notes(wanted, world, operations), dry_run=dry_run, as_json=as_json)
