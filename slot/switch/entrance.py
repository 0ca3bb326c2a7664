"""What a switch does at the frontdoor: pauses it, waits until it is drained, and opens it again.

A door that does not run has no clients, and keeps no switch from going on. One that runs and does not answer has some,
who would be cut: then nothing is switched, unless it is forced.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from slot import units
from slot.switch.door import SWITCHING, Door, Left, NobodyThere, NotDone, Reply
from slot.switch.progress import Draining
from slot.switch.request import parse
from slot.switch.steps import Done, Event, Failed, Journal, NotDrained, Outcome

OPEN_S = 2.0
STOPPED = "inactive"
NOT_RUNNING = (STOPPED, "failed", "")
LOOK_S = 0.02  # the door tells nobody when it has been handed over, or has seen what the slot says: it is asked again
OVERDUE_S = 5.0  # a door that still tells of a drain so long after its end will never end it
TRIES = 3  # a door that is replaced while it drains answers again at once


class Entrance:
    """`tell`: what is told of a drain. `is_at_start`: the slot is about to start, so nothing may wait for it."""

    def __init__(self, door: Door, tell: Callable[[Draining], None], *, is_at_start: bool) -> None:
        self._door = door
        self._tell = tell
        self._is_at_start = is_at_start

    def pause(self, journal: Journal) -> Event:
        try:
            self._door.pause(f"{SWITCHING}{journal.to.name}")
        except (NobodyThere, NotDone) as exc:
            return self._without_door(exc, journal)
        return Done()

    def _without_door(self, exc: Exception, journal: Journal) -> Event:
        if journal.force or units.look(units.DOOR).active in NOT_RUNNING:
            return Done()
        return Failed(f"the frontdoor could not be paused: {exc}")

    def drain(self, journal: Journal) -> Event:
        allowed_s = parse(journal.request).drain_timeout_s
        until = time.monotonic() + allowed_s
        began_with: int | None = None
        for number in range(1, TRIES + 1):
            try:
                for left in self._door.drain(max(0.0, until - time.monotonic())):
                    began_with = left.active + left.waiting if began_with is None else began_with
                    self._tell(Draining(left.active, left.waiting, left.oldest_s, began_with))
                    if time.monotonic() > until + OVERDUE_S:
                        break
                return drained(left, allowed_s)
            except (NobodyThere, NotDone) as exc:
                if number == TRIES:
                    return self._without_door(exc, journal)
        raise AssertionError("the last try returns")

    def resume(self, journal: Journal) -> Event:
        """Asked again for a while: a process of the frontdoor that hands over leaves its pause to the next one.

        A door that somebody has stopped holds no pause, and is not ours to start.
        """
        until = time.monotonic() + OPEN_S
        while True:
            try:
                return self._resume(journal, until)
            except (NobodyThere, NotDone) as exc:
                door = units.look(units.DOOR).active
                if door == STOPPED:
                    return Done()
                if time.monotonic() >= until or door in NOT_RUNNING:
                    return Failed(f"the frontdoor could not be told to resume: {exc}")
                time.sleep(LOOK_S)

    def _resume(self, journal: Journal, until: float) -> Event:
        """The door follows the slot's snapshot, a moment behind: whoever is told "switched" shall be let in.

        Raises NobodyThere, NotDone.
        """
        if journal.paused_before is not None:
            self._door.pause(journal.paused_before)  # an admin's own pause is not ours to end
            return Done()
        self._door.resume()
        serves = journal.outcome in (Outcome.SWITCHED, Outcome.ROLLED_BACK) and not self._is_at_start
        while serves and time.monotonic() < until and not self._door.status().get("ok"):
            time.sleep(LOOK_S)
        return Done()


def drained(left: Left, allowed_s: float) -> Event:
    """How a drain has ended, by its last word."""
    match left.reply:
        case Reply.DONE:
            return Done()
        case Reply.RESUMED:
            return NotDrained("somebody has resumed the frontdoor meanwhile")
        case _:
            number = left.active + left.waiting
            words = f"{number} request{'s' * (number != 1)} still there after {allowed_s:.0f} s"
            return NotDrained(f"{words}, the oldest for {left.oldest_s:.0f} s")
