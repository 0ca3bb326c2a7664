"""A switch as it is watched: what it does at this moment, and how it ended, in words.

The unit does the switch; here its files are read. `moment` and `ending` decide what is said of them, `Follower` looks:

    1. The history has a line with its id    -> it is over, and how
    2. Its unit is not at work any more      -> looked once more for the line; none: it ended without one
    3. Otherwise                             -> what it does, from its progress and the slot's snapshot; first that of
                                                a switch that was cut off before, which it finishes or undoes
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from slot import state, units
from slot.cli.load_view import left
from slot.cli.moment_view import Moment, MomentView
from slot.exit_codes import ExitCode
from slot.load_words import phase_words, time_words
from slot.state import Lifecycle, SlotState
from slot.switch import history, progress
from slot.switch.history import Record
from slot.switch.progress import Progress
from slot.switch.steps import UNDOING, Outcome, Step
from slot.switch.world import World

# The unit tells by files that it replaces, and Python has no inotify; a drain and a load move by themselves anyway.
LOOK_S = 0.2
LOOK_AT_UNIT_S = 1.0  # systemctl is a process; the files are not
AT_WORK = ("active", "activating", "reloading", "deactivating")

_WORDS = {
    progress.CHECK: "checking {to}",
    Step.PAUSE: "pausing",
    Step.DRAIN: "draining",
    Step.STOP: "stopping {was}",
    Step.FREE: "waiting for free memory",
    Step.WRITE: "activating {to}",
    Step.START: "loading {to}",
    Step.VERIFY: "verifying {to}",
    Step.UNDO_STOP: "going back: stopping {to}",
    Step.UNDO_FREE: "going back: waiting for free memory",
    Step.UNDO_WRITE: "going back: activating the last that served",
    Step.UNDO_START: "going back: loading the last that served",
    Step.UNDO_VERIFY: "going back: verifying",
    Step.DOWN: "stopping",
    Step.PUT_BACK: "putting the last that served back",
    Step.COOL: "remembering the failure",
    Step.RESUME: "resuming",
    Step.RECORD: "recording",
    Step.OVER: "recording",
}
_TIMES = (("drain", "drained"), ("engine_stop", "stopped"), ("engine_load", "loaded"))


def moment(now_doing: Progress, slot: SlotState | None) -> Moment:
    """
    1. Draining, and somebody was there       -> how many of how many are left
    2. Loading, by the slot's word or not yet -> its phase, its progress and what is left
    3. Any other step                         -> its name
    """
    label = _WORDS.get(now_doing.step, now_doing.step).format(to=now_doing.to, was=now_doing.came_from or "the slot")
    draining = now_doing.draining
    if now_doing.step == Step.DRAIN and draining is not None and draining.began_with:  # 1
        fraction = max(0.0, 1.0 - (draining.active + draining.waiting) / draining.began_with)
        return Moment(label, str(draining), fraction, news=f"{draining.active} {draining.waiting}")
    if now_doing.step in (Step.START, Step.UNDO_START):  # 2
        load = slot if slot is not None and slot.state is Lifecycle.LOADING else None
        phase = phase_words(load.phase if load else None)
        return Moment(
            label, f"{label}: {phase}", load.progress if load else None, left(load.eta_s) if load else "", phase
        )
    return Moment(label, label)  # 3


def reason(now_doing: Progress) -> str | None:
    """Why it goes back, once it does: worth a line that stays."""
    return now_doing.why if now_doing.step in (*UNDOING, Step.DOWN) else None


def ending(record: Record, told: str | None = None) -> list[str]:
    """What came of it, and what to do where that is not what was wanted. `told`: the reason that was said already."""
    why = record.why or "no reason was recorded"
    failed = f"{record.to} does not serve" + ("" if told == why else f": {why}")
    match record.outcome:
        case Outcome.SWITCHED:
            return [f"{record.to} serves, {times(record)}{_stays_paused(record)}"]
        case Outcome.UNCHANGED:
            return [f"{record.to} is active and serves already: nothing was done"]
        case Outcome.ROLLED_BACK | Outcome.PUT_BACK:
            return [failed, *_do(f"the model before serves again{_stays_paused(record)}", "slotctl logs slot")]
        case Outcome.NOT_DRAINED:
            do = "again later; with --drain-timeout SECONDS, or with --force to cut them off"
            return [
                f"not switched: {why}",
                *_do(f"nothing was changed{_stays_paused(record) or ', and it admits again'}", do),
            ]
        case Outcome.DOWN:
            return [failed, *_do(f"no model serves{_stays_paused(record)}", "slotctl status")]
        case Outcome.REFUSED if record.exit_code == ExitCode.CONFIG:
            words, *findings = why.splitlines()
            found = [f"  found  {each}" for each in findings]
            return [f"not switched: {words}", *found, *_do("nothing was changed", f"slotctl check --here {record.to}")]
        case Outcome.REFUSED | Outcome.INTERRUPTED:
            return [f"not switched: {why}", *_do(f"nothing was changed{_stays_paused(record)}", "slotctl status")]


def _stays_paused(record: Record) -> str:
    return f"; the door stays paused: {record.paused}" if record.paused is not None else ""


def _do(found: str, do: str) -> list[str]:
    return [f"  found  {found}", f"  do     {do}"]


def times(record: Record) -> str:
    """`after 95 s: drained 41 s, stopped 6 s, loaded 47 s`; what took no second is not told."""
    parts = [f"{word} {time_words(record.timings[key])}" for key, word in _TIMES if record.timings.get(key, 0) >= 1]
    return f"after {time_words(record.at - record.began_at)}" + (f": {', '.join(parts)}" if parts else "")


@dataclass(frozen=True)
class Ended:
    """The switch is over. `record` None: it left no line in the history. `told`: the failure that was shown."""

    record: Record | None
    told: str | None = None


class Follower:
    """Watches the one switch with this id."""

    def __init__(self, id_: str, unit: str, world: World) -> None:
        self._id = id_
        self._unit = unit
        self._world = world
        self._began_at = time.time()
        self._history = world.desk.history_file

    def run(self, view: MomentView | None) -> Ended:
        """Shows it until it is over; None: only waits. Raises OSError, KeyboardInterrupt."""
        told: str | None = None
        for now_doing in self._looks():
            if view is None:
                continue
            if (why := reason(now_doing)) is not None and why != told:
                view.say(f"{now_doing.to} does not serve: {why}")
                told = why
            shown = moment(now_doing, state.read_if_sound(self._world.paths.state_file))
            view.show(shown if now_doing.id == self._id else before_that(shown))
        return Ended(history.find(self._history, self._id), told)

    def _looks(self) -> Iterator[Progress]:
        """What it does, again and again, while it is at work."""
        looked_at = time.monotonic()
        while history.find(self._history, self._id) is None:  # 1
            now_doing = progress.read(self._world.progress_file)
            if now_doing is not None and (now_doing.id == self._id or self._is_settled_first(now_doing)):
                yield now_doing  # 3
            if time.monotonic() - looked_at >= LOOK_AT_UNIT_S:
                looked_at = time.monotonic()
                if not self._is_at_work():  # 2
                    return
            time.sleep(LOOK_S)

    def _is_settled_first(self, other: Progress) -> bool:
        """Whether that of another switch was told since we watch: what lies there from before is old."""
        return other.outcome is None and self._world.progress_file.stat().st_mtime >= self._began_at

    def _is_at_work(self) -> bool:
        try:
            return units.look(self._unit).active in AT_WORK
        except units.Refusal:
            return True  # a systemd that is too busy to answer has not ended it


def before_that(shown: Moment) -> Moment:
    """The same, of the switch that was cut off before this one."""
    return replace(
        shown, label=f"first, what was cut off: {shown.label}", words=f"first, what was cut off: {shown.words}"
    )
