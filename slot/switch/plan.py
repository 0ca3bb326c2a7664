"""What a switch would do, and to whom, without doing any of it.

Decides nothing that the gate has not decided: `judged` is its word. What is not known is said to be, in the same place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slot import json_lines, units
from slot.cards.vram import CardMemory
from slot.load_words import time_words
from slot.profiles.profile import Profile
from slot.size_words import size_words
from slot.supervisor.progress import LoadRecord
from slot.switch import gate, history
from slot.switch.history import Record
from slot.switch.request import Request
from slot.switch.steps import BEFORE_THE_STOP, FORWARD, Outcome, Step, Which
from slot.switch.world import Sight, World, look
from slot.units import UnitSight

STEPS = ("check", *BEFORE_THE_STOP, *FORWARD, Step.RESUME, Step.RECORD)
MANY = 1000
_FAILURES = (Outcome.ROLLED_BACK, Outcome.DOWN, Outcome.PUT_BACK)


@dataclass(frozen=True)
class Plan:
    """`rollback_to`: what would be loaded if it fails; None: nothing, and `last_failure` is the target's own.

    `weights_bytes`, `available_bytes`: of the target on the disk, of this host's memory; None where nobody could tell.
    `cards`: the memory of each, as it is now; empty where none is seen.
    """

    request: Request
    target: Which
    judged: gate.NoOp | gate.Refused | None
    sight: Sight
    rollback_to: str | None
    last_load_s: float | None
    last_failure: Record | None
    weights_bytes: int | None
    available_bytes: int | None
    cards: Sequence[CardMemory] = ()

    def as_data(self) -> dict[str, Any]:
        active, failed, first = self.sight.active, self.last_failure, self.sight.under_way
        return {
            "from": active.name if active else None,
            "to": self.target.name,
            "sha256": self.target.sha256,
            "may_begin": self.judged is None,
            "why_not": self.judged.words if self.judged else None,
            "units": {name: unit.active if unit else None for name, unit in self._units()},
            "in_flight": self.in_flight,
            "drain_timeout_s": self.request.drain_timeout_s,
            "weights_bytes": self.weights_bytes,
            "available_bytes": self.available_bytes,
            "cards": [asdict(card) for card in self.cards],
            "last_load_s": self.last_load_s,
            "last_failure": {"at": failed.at, "why": failed.why} if failed else None,
            "rollback_to": self.rollback_to,
            "settled_first": {"to": first.to.name, "step": str(first.step)} if first else None,
            "steps": [str(step) for step in STEPS],
        }

    @property
    def in_flight(self) -> dict[str, int] | None:
        """Who would be waited for; None where no frontdoor answers."""
        door = (self.sight.door_status or {}).get("frontdoor")
        if not isinstance(door, dict):
            return None
        return {"active": int(door["active_generations"]), "waiting": int(door["queued_generations"])}

    def lines(self) -> list[str]:
        width = max(len(label) for label, _ in self._facts())
        return [f"{label:<{width}}  {text}" for label, text in self._facts()]

    def _units(self) -> Sequence[tuple[str, UnitSight | None]]:
        return ((units.SLOT, self.sight.slot_unit), (units.DOOR, self.sight.door_unit))

    def _facts(self) -> Iterator[tuple[str, str]]:
        active, failed = self.sight.active, self.last_failure
        yield "switch", f"{active.name if active else '(nothing)'} -> {self.target.name}"
        if self.judged is not None:
            yield "but", self.judged.words
        if (first := self.sight.under_way) is not None:
            yield "first", f"the switch to {first.to.name} stands at {first.step}: cut off, it is finished or undone"
        for name, unit in self._units():
            yield "unit", f"{name}: {unit.active if unit else 'not known'}"
        yield "host", f"not looked at yet, that is the first step: slotctl check --here {self.target.name}"
        yield "in flight", self._in_flight_words()
        yield "memory", f"weights {_size(self.weights_bytes)}; host memory available {_size(self.available_bytes)}"
        for card in self.cards:
            yield "card", f"{card.bdf}: memory {_size(card.size_bytes)}, held now {_size(card.held_bytes)}"
        if not self.cards:
            yield "card", "none of ours is seen"
        yield "last load", f"it took {time_words(self.last_load_s)}" if self.last_load_s is not None else "not known"
        yield "last failure", failed.why or str(failed.outcome) if failed else "none known"
        yield "if it fails", f"back to {self.rollback_to}" if self.rollback_to else "no model serves"
        yield "steps", ", ".join(STEPS)

    def _in_flight_words(self) -> str:
        going = self.in_flight
        if going is None:
            return "no frontdoor answers"
        allowed = time_words(self.request.drain_timeout_s)
        then = "then they are cut off" if self.request.force else "or nothing is changed"
        return f"{going['active']} active, {going['waiting']} waiting; they get {allowed}, {then}"


def plan(
    request: Request,
    profile: Profile,
    world: World,
    *,
    weights_bytes: int | None,
    available_bytes: int | None,
    cards: Sequence[CardMemory],
) -> Plan:
    """One look at everything else. Raises OSError."""
    sight = look(world)
    records = history.newest(world.desk.history_file, MANY)
    target = gate.which(profile)
    return Plan(
        request=request,
        target=target,
        judged=gate.refusal(request, profile, sight, sight.at),
        sight=sight,
        rollback_to=_rollback_target(request, target, sight),
        last_load_s=_last_load_s(world.paths.loads_file, target),
        last_failure=next((each for each in records if each.to == target.name and each.outcome in _FAILURES), None),
        weights_bytes=weights_bytes,
        available_bytes=available_bytes,
        cards=cards,
    )


def _rollback_target(request: Request, target: Which, sight: Sight) -> str | None:
    """What serves now would be what served last."""
    before = sight.serving or sight.served
    return before.name if before is not None and before != target and not request.no_rollback else None


def _last_load_s(file: Path, target: Which) -> float | None:
    newest_first = reversed(json_lines.tail(file, LoadRecord))
    return next((load.total_s for load in newest_first if load.profile == target.name), None)


def _size(number: int | None) -> str:
    return "not known" if number is None else size_words(number)
