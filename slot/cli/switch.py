"""`slotctl switch`, `rollback` and `restart`: which profile each means, and how it is asked for.

switch      the catalog's profile of that name
rollback    the catalog's profile of the last model that served before the active one
restart     the active profile, as it was activated: the catalog may have changed since
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from slot.cli.asking import Manner, ask, who
from slot.cli.places import active_profile, profile_named
from slot.cli.refusal import Refused
from slot.cli.service import service_paths
from slot.drain_limits import DRAIN_TIMEOUT_S
from slot.exit_codes import ExitCode
from slot.paths import Paths
from slot.switch import history
from slot.switch.history import Record
from slot.switch.journal import Desk
from slot.switch.request import Request
from slot.switch.steps import Outcome
from slot.switch.world import active_profile as in_effect

MANY = 1000


@dataclass(frozen=True)
class Wishes:
    """What the command line says of the switch itself."""

    force: bool = False
    drain_timeout_s: int = DRAIN_TIMEOUT_S
    no_rollback: bool = False
    allow_unproven: bool = False

    def request(self, name: str, *, restart: bool = False) -> Request:
        return Request(
            name,
            force=self.force,
            drain_timeout_s=self.drain_timeout_s,
            no_rollback=self.no_rollback,
            allow_unproven=self.allow_unproven,
            restart=restart,
            by_uid=who(os.environ),
        )


def switch(name: str, wishes: Wishes, manner: Manner) -> ExitCode:
    """Raises Refused, UnknownProfile, ProfileError, units.Refusal, OSError."""
    paths = service_paths()
    profile = profile_named(name, paths.catalog_dir)
    return ask(wishes.request(name), profile, paths, manner)


def rollback(wishes: Wishes, manner: Manner) -> ExitCode:
    """Raises as `switch`."""
    return switch(before_the_active(service_paths()), wishes, manner)


def restart(wishes: Wishes, manner: Manner) -> ExitCode:
    """Raises as `switch`."""
    paths = service_paths()
    profile = active_profile(paths.active_profile)
    return ask(wishes.request(profile.name, restart=True), profile, paths, manner)


def before_the_active(paths: Paths) -> str:
    """The last model that served and is another than the active one. Raises Refused where none is known, OSError."""
    desk, active = Desk(paths.switch_dir), active_name(paths)
    records = history.newest(desk.history_file, MANY)
    name = served_but_for(desk, active, records) or history.before_this(records, active)
    if name is None:
        facts = (("found", "no switch away from another model in the history"), ("do", "slotctl switch NAME"))
        raise Refused(ExitCode.NO_INPUT, "there is nothing to go back to", facts)
    return name


def served_but_for(desk: Desk, active: str | None, records: Sequence[Record]) -> str | None:
    """What served until a switch left nothing serving; the history of switches that went well does not have it."""
    last = next((each.outcome for each in records if each.outcome is not Outcome.REFUSED), None)
    served = desk.served() if last is Outcome.DOWN else None
    return served.name if served is not None and served.name != active else None


def active_name(paths: Paths) -> str | None:
    """None where none is active, or it cannot be read any more: going back is then all the more wanted."""
    active = in_effect(paths.active_profile)
    return active.name if active is not None else None
