"""What was found, in lines for people: the headline of each part, and under it what one would ask next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from slot.cli import door_sight, switch_sight
from slot.cli.load_view import left
from slot.cli.sight import Sight
from slot.cli.terminal import colored, counted
from slot.failures.restart_words import restart_words
from slot.load_words import phase_words
from slot.state import Failure, Lifecycle, Notice, Pulse, Recovery, RecoveryStage, SlotState
from slot.units import UnitSight

COLORS = {"serving": "green", "failed": "red", "loading": "yellow", "stopping": "yellow", "degraded": "yellow"}
RECOVERY_WORDS = {
    RecoveryStage.QUIET: "left alone after a device fault",
    RecoveryStage.PROBING: "each is asked to compute",
    RecoveryStage.DONE: "were asked to compute",
}
STANDS_AFTER_S = 15.0  # the engine is asked every 5 s; what stands for longer is worth a word


def lines_of(sight: Sight) -> Iterator[str]:
    if sight.slot is None:
        yield "slot       none: no supervisor has left a snapshot here"
    else:
        yield from slot_lines(sight.slot, sight)
    if sight.unit is not None:
        yield f"  unit     {unit_words(sight.unit)}"
    yield from profile_lines(sight.profile_problems)
    yield from switch_sight.lines_of(sight.switch, sight.slot, sight.now)
    if sight.frontdoor is not None:
        yield from frontdoor_lines(sight.frontdoor, sight.url)
    elif sight.health is not None:
        yield f"frontdoor  {admission(sight.health, 'refusing')}  {sight.url}"
        yield f"  now      not told: {sight.missing}"
    elif sight.door is not None and sight.door_is_down:
        yield f"frontdoor  {colored('not running', 'red')}: nobody is answered on its port"
        yield f"  unit     {unit_words(sight.door)}"
        yield f"  do       {door_sight.DO}"
    else:
        yield f"frontdoor  no status at {sight.url}: no frontdoor answers there"


def profile_lines(problems: Sequence[str]) -> Iterator[str]:
    """Why the slot does not start, or would not start again."""
    if problems:
        yield f"profile    {colored('cannot be used', 'red')}: the slot does not start with it"
        yield from (f"  found    {each}" for each in problems)
        yield "  do       mend it and `slotctl restart`, or activate another: slotctl switch NAME"


def slot_lines(slot: SlotState, sight: Sight) -> Iterator[str]:
    yield from headline(slot, sight)
    if slot.state is Lifecycle.LOADING:
        yield f"  load     {load_words(slot)}"
    if slot.failure is not None:
        yield from failure_lines(slot.failure)
    if slot.recovery is not None:
        yield from recovery_lines(slot.recovery, sight.now)
    if slot.restarts:
        yield f"  again    {counted(slot.restarts, 'start')} after a failure"
    facts = slot.engine
    yield f"  model    {slot.served_model_name} ({slot.profile.status})"
    if facts.max_model_len is not None:
        yield f"  context  {facts.max_model_len} tokens"
    if facts.kv_cache_tokens is not None:
        yield f"  cache    {facts.kv_cache_tokens} tokens"
    yield f"  engine   {slot.engine_url}" + (f", pid {slot.engine_pid}" if slot.engine_pid else "")
    if slot.pulse is not None and not sight.is_abandoned:
        yield f"  pulse    {pulse_words(slot.pulse, sight.now)}"
    yield from map(notice_line, slot.warnings)


def headline(slot: SlotState, sight: Sight) -> Iterator[str]:
    simulated = ", simulated" if slot.simulated else ""
    if sight.is_abandoned:
        gone, heard = colored("gone", "red"), duration(sight.now - slot.updated_at)
        yield f"slot       {gone}  {slot.profile.name}{simulated}: no word from its supervisor for {heard}"
        yield f"  was      {slot.state}"
    else:
        name = colored(slot.state, COLORS.get(slot.state))
        yield f"slot       {name}  {slot.profile.name}{simulated}, for {duration(sight.now - slot.since)}"


def failure_lines(failure: Failure) -> Iterator[str]:
    yield f"  cause    {failure.cause}"
    if failure.detail:
        yield f"  found    {failure.detail}"
    yield f"  do       {failure.remedy}"
    yield f"  restart  {restart_words(failure)}"
    if failure.next_step:
        yield f"  next     {failure.next_step}"
    if failure.incident:
        yield f"  kept in  {failure.incident}"


def recovery_lines(recovery: Recovery, now: float) -> Iterator[str]:
    """What is done about the cards, and what each has answered."""
    remaining = f", {duration(recovery.until - now)} left" if recovery.until is not None else ""
    yield f"  cards    {RECOVERY_WORDS[recovery.stage]}{remaining}"
    for card in recovery.cards:
        yield f"           {card.bdf} {card.verdict}: {card.words}"


def pulse_words(pulse: Pulse, now: float) -> str:
    """
    1. Nothing in hand                -> idle, and when it last moved
    2. Moved within STANDS_AFTER_S    -> what it has in hand
    3. Otherwise                      -> for how long it stands, and how long it may
    """
    still_s = now - pulse.beat_at
    if not pulse.running and not pulse.waiting:  # 1
        return f"idle, moved {duration(still_s)} ago"
    in_hand = f"{pulse.running} running, {pulse.waiting} waiting"
    if still_s <= STANDS_AFTER_S:  # 2
        return in_hand
    allowed = f"no progress for {duration(still_s)}; after {duration(pulse.allowance_s)} it counts as hung"
    return f"{in_hand}: {colored(allowed, 'yellow')}"  # 3


def unit_words(unit: UnitSight) -> str:
    """`active (running), starts at boot`; `failed (start-limit-hit), not started at boot`."""
    at_boot = "starts at boot" if unit.enabled == "enabled" else "not started at boot"
    return f"{door_sight.found(unit)}, {at_boot}"


def notice_line(notice: Notice) -> str:
    """A quality alarm is not to be overlooked; anything else is for whoever wonders."""
    times = f" ({notice.count} times)" if notice.count > 1 else ""
    label = colored(f"{'alarm':<9}", "red") if notice.kind == "quality" else f"{'note':<9}"
    return f"  {label}{notice.words}{times}"


def load_words(slot: SlotState) -> str:
    progress = "" if slot.progress is None else f"{slot.progress:.0%}"
    return ", ".join(filter(None, (phase_words(slot.phase), progress, left(slot.eta_s))))


def frontdoor_lines(body: dict[str, Any], url: str) -> Iterator[str]:
    door = body["frontdoor"]
    refusing = f"refusing: {body.get('message')}"
    yield f"frontdoor  {admission(bool(body.get('ok')), refusing)}  {url}"
    counts = {key: door.get(f"{key}_generations", 0) for key in ("active", "max_active", "queued")}
    yield f"  now      {counts['active']} of {counts['max_active']} generations, {counts['queued']} waiting"


def admission(admits: bool, otherwise: str) -> str:
    return colored("admitting", "green") if admits else colored(otherwise, "yellow")


def duration(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
