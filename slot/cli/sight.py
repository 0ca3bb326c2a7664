"""What `slotctl status` has found: the slot's own word and the frontdoor's, side by side, and what they come to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from slot.cli import door_sight
from slot.cli.switch_sight import SwitchSight
from slot.exit_codes import ExitCode
from slot.state import FINAL, Lifecycle, SlotState
from slot.units import UnitSight


@dataclass(frozen=True)
class Sight:
    """What was found. `slot` is None without a snapshot, `frontdoor` is the body of its `/status`, None: not told.

    `health`: whether it admits, where it told only that. `missing`: why it did not tell more, and what to do.
    `unit`: what systemd says of the slot, None where it is no service; `door`: of the frontdoor, None also where it is
    not installed. `switch`: the one under way, or that failed. `profile_problems`: of the active profile, each with its
    place; none where it can be used, or where nothing wants one.
    """

    slot: SlotState | None
    frontdoor: dict[str, Any] | None
    url: str
    now: float
    health: bool | None = None
    missing: str = ""
    unit: UnitSight | None = None
    door: UnitSight | None = None
    switch: SwitchSight = SwitchSight()
    profile_problems: tuple[str, ...] = ()

    @property
    def admits(self) -> bool | None:
        """None: nobody answers."""
        return bool(self.frontdoor.get("ok")) if self.frontdoor is not None else self.health

    @property
    def door_is_down(self) -> bool:
        """Nobody has answered, and systemd says that the service's frontdoor does not run."""
        return self.admits is None and door_sight.is_down(self.door)

    @property
    def is_abandoned(self) -> bool:
        """Nobody has kept the snapshot fresh, or systemd knows already that who wrote it is not there any more."""
        if self.slot is None or self.slot.state in FINAL:
            return False
        is_dead = self.unit is not None and self.unit.main_pid == 0 and self.unit.sub == "auto-restart"
        return is_dead or self.slot.is_abandoned(self.now)

    @property
    def exit_code(self) -> ExitCode:
        """
        1. The frontdoor says that it could not admit            -> 1, or 69 where the slot is not there either
           It is installed and does not run                      -> 69
        2. A snapshot of serving, kept fresh, or no slot at all
           behind a frontdoor that admits                        -> 0
        3. Never started, stopped, or abandoned                  -> 69
        4. Anything else                                         -> 1
        """
        is_there = self.slot is not None and self.slot.state is not Lifecycle.STOPPED and not self.is_abandoned
        if self.admits is False:  # 1
            return ExitCode.FAILED if is_there else ExitCode.UNAVAILABLE
        if self.door_is_down:  # 1
            return ExitCode.UNAVAILABLE
        if self.slot is None and self.admits:  # 2
            return ExitCode.OK
        if not is_there:  # 3
            return ExitCode.UNAVAILABLE
        serves = self.slot is not None and self.slot.state is Lifecycle.SERVING
        return ExitCode.OK if serves else ExitCode.FAILED  # 2, 4


def as_data(sight: Sight) -> dict[str, Any]:
    return {
        "serving": sight.exit_code == ExitCode.OK,
        "slot": msgspec.to_builtins(sight.slot),
        "slot_is_abandoned": sight.is_abandoned,
        "frontdoor_url": sight.url,
        "frontdoor": sight.frontdoor,
        "frontdoor_missing": sight.missing or None,
        "switch": msgspec.to_builtins(sight.switch),
        "unit": None if sight.unit is None else asdict(sight.unit),
        "frontdoor_unit": None if sight.door is None else asdict(sight.door),
        "profile_problems": sight.profile_problems,
    }
