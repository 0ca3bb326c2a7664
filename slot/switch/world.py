"""What a switch sees before it begins, and where it finds the things it changes: one look, no change.

Anybody who may read the files may look; what is not to be seen (no door, no systemd) is None and never an error.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slot import state, units
from slot.cards.verdict import Verdict
from slot.exit_codes import ExitCode
from slot.failures.signature import Kind
from slot.paths import UNITS_CONTROL_SOCKET, Paths
from slot.profiles.catalog import Catalog, load_active
from slot.profiles.problems import ProfileError
from slot.profiles.profile import Profile
from slot.state import FINAL, Lifecycle, RecoveryStage, SlotState
from slot.switch import cooldown
from slot.switch.cooldown import Cooldowns
from slot.switch.door import SWITCHING, Door, NobodyThere, NotDone
from slot.switch.journal import Desk, UnreadableJournal
from slot.switch.request import Request
from slot.switch.steps import Journal, Which
from slot.units import UnitSight


@dataclass(frozen=True)
class World:
    paths: Paths
    door: Door
    desk: Desk

    @property
    def lock_file(self) -> Path:
        return self.paths.switch_run_dir / "lock"

    @property
    def progress_file(self) -> Path:
        return self.paths.switch_run_dir / "progress.json"


def world_at(paths: Paths, environment: Mapping[str, str] = os.environ) -> World:
    door = Door(Path(environment.get("FRONTDOOR_CONTROL_SOCKET") or UNITS_CONTROL_SOCKET))
    return World(paths, door, Desk(paths.switch_dir))


@dataclass(frozen=True)
class Sight:
    """`door_status`: the body of its `/status`. `served`: what there is to go back to. `under_way`: a half-done switch.

    `slot_unit`, `door_unit`: None where systemd does not answer. `at`: seconds since the epoch.
    """

    at: float
    active: Profile | None
    slot: SlotState | None
    slot_unit: UnitSight | None
    door_unit: UnitSight | None
    door_status: dict[str, Any] | None
    served: Which | None
    under_way: Journal | None
    cooldowns: Cooldowns = field(default_factory=dict)

    @property
    def serving(self) -> Which | None:
        """What serves at this moment; None: nothing does."""
        slot = self.slot
        if slot is None or slot.state is not Lifecycle.SERVING or slot.is_abandoned(self.at):
            return None
        return Which(slot.profile.name, slot.profile.sha256)

    @property
    def awaits_recovery(self) -> bool:
        """A card or its driver failed, and it has not been seen since that each of them answers."""
        if self._is_asking_the_cards:
            return True
        unit, recovery = self.slot_unit, self.slot.recovery if self.slot is not None else None
        if unit is None or unit.active != "failed" or unit.exit_status != ExitCode.DEVICE:
            return False
        if recovery is None or recovery.stage is not RecoveryStage.DONE or not recovery.cards:
            return True
        return any(card.verdict != Verdict.HEALTHY for card in recovery.cards)

    @property
    def _is_asking_the_cards(self) -> bool:
        """The slot is on its way from a device fault to the cards' answers, and has not ended yet."""
        slot = self.slot
        if slot is None or slot.failure is None or slot.state in FINAL or slot.is_abandoned(self.at):
            return False
        return slot.failure.kind == Kind.DEVICE

    @property
    def paused_by_an_admin(self) -> str | None:
        """Their reason, where the door was paused over its socket; None also for a pause that a switch has left."""
        paused = ((self.door_status or {}).get("frontdoor") or {}).get("paused") or {}
        why = str(paused.get("why") or "paused")
        return why if paused.get("by") == "control_socket" and not why.startswith(SWITCHING) else None


def look(world: World) -> Sight:
    """Raises OSError for files that are there and may not be read."""
    return Sight(
        at=time.time(),
        active=active_profile(world.paths.active_profile),
        slot=state.read_if_sound(world.paths.state_file),
        slot_unit=units.seen(units.SLOT),
        door_unit=units.seen(units.DOOR),
        door_status=_status(world.door),
        served=world.desk.served(),
        under_way=_journal(world.desk),
        cooldowns=cooldown.read(world.desk.cooldown_file),
    )


def wanted(request: Request, paths: Paths) -> Profile:
    """What is asked for: of a restart, the active profile as it is. Raises UnknownProfile, ProfileError, OSError."""
    if request.restart:
        active = load_active(paths.active_profile)
        if active.name == request.name:
            return active
    return Catalog(paths.catalog_dir).load(request.name)


def active_profile(path: Path) -> Profile | None:
    """None where none is active, or what is there is no profile. Raises OSError."""
    try:
        return load_active(path)
    except (FileNotFoundError, ProfileError):
        return None


def _status(door: Door) -> dict[str, Any] | None:
    try:
        return door.status()
    except (NobodyThere, NotDone):
        return None


def _journal(desk: Desk) -> Journal | None:
    try:
        return desk.journal()
    except UnreadableJournal:
        return None
