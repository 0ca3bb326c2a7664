"""What `slotctl status` tells of switches: the one under way, one that was cut off, or how the last one failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from slot import units
from slot.cli.follow import moment
from slot.cli.terminal import colored
from slot.load_words import time_words
from slot.state import SlotState
from slot.switch import history, progress
from slot.switch.history import Record
from slot.switch.journal import UnreadableJournal
from slot.switch.progress import Progress
from slot.switch.steps import Journal, Outcome
from slot.switch.world import World

WELL = (Outcome.SWITCHED, Outcome.UNCHANGED)


@dataclass(frozen=True)
class SwitchSight:
    """At most one of the three. `unreadable`: why the journal of one that was cut off cannot be told."""

    under_way: Progress | None = None
    cut_off: Journal | None = None
    failed: Record | None = None
    unreadable: str = ""


def look(world: World) -> SwitchSight:
    """Raises OSError.

    1. A unit is at work, and its progress has no end     -> under way
    2. A journal is there, and nobody at work             -> cut off
    3. The last switch did not do what it was asked for   -> how it failed
    """
    now_doing = progress.read(world.progress_file)
    try:
        journal = world.desk.journal()
    except UnreadableJournal as exc:
        return SwitchSight(unreadable=str(exc))
    may_be_at_work = journal is not None or (now_doing is not None and now_doing.outcome is None)
    if may_be_at_work and units_at_work():
        return SwitchSight(under_way=now_doing)  # 1
    if journal is not None:
        return SwitchSight(cut_off=journal)  # 2
    last = next(iter(history.newest(world.desk.history_file, 1)), None)
    return SwitchSight(failed=last if last is not None and last.outcome not in WELL else None)  # 3


def units_at_work() -> list[str]:
    """The switches that systemd runs now; none where it does not answer."""
    try:
        return units.listed(units.switch_unit("*"), ("active", "activating"))
    except units.Refusal:
        return []


def lines_of(sight: SwitchSight, slot: SlotState | None, now: float) -> Iterator[str]:
    if sight.under_way is not None:
        seen = moment(sight.under_way, slot)
        words = ", ".join(filter(None, (seen.words, seen.left)))
        yield f"switch     {colored('under way', 'yellow')}  to {sight.under_way.to}: {words}"
    if sight.cut_off is not None:
        to, at, since = sight.cut_off.to.name, sight.cut_off.step, time_words(max(0.0, now - sight.cut_off.step_at))
        yield f"switch     {colored('cut off', 'red')}  to {to}, at {at}, {since} ago"
        yield "  do       sudo slotctl settle; the next switch settles it as well"
    if sight.failed is not None:
        how = colored(sight.failed.outcome.replace("_", " "), "yellow")
        since = time_words(max(0.0, now - sight.failed.at))
        words, *findings = (sight.failed.why or "no reason was recorded").splitlines()
        yield f"switch     {how}  to {sight.failed.to}, {since} ago: {words}"
        yield from (f"  found    {each}" for each in findings)
    if sight.unreadable:
        yield f"switch     {colored('cut off', 'red')}  {sight.unreadable}"
