"""One switch from the request to its line in the history: takes the lock, keeps the journal, does the steps in order.

    1. The request is none, or its profile is not there or bad   -> refused
    2. Another switch has the lock                               -> refused
    3. A switch was cut off before                               -> it is finished or undone first; the same one goes on
    4. The gate or the doctor objects                            -> refused, or nothing to do
    5. Otherwise                                                 -> step by step, the journal before each

What ends it in the middle (SIGKILL, SIGTERM at a shutdown, a power cut) leaves the journal, and that is enough: whoever
comes next goes on with it. So nothing is handled here that would have to be handled there as well.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing

import msgspec

from slot import lock
from slot.exit_codes import ExitCode
from slot.profiles.catalog import flatten
from slot.profiles.problems import ProfileError, UnknownProfile
from slot.profiles.profile import Profile
from slot.switch import check, gate, history, progress
from slot.switch.deeds import Deeds
from slot.switch.history import Record
from slot.switch.progress import Progress
from slot.switch.request import Request, instance
from slot.switch.settlement import Asked, AtStart, By, settle
from slot.switch.steps import Done, Event, Journal, Outcome, Step, Which, after
from slot.switch.teller import Teller
from slot.switch.world import Sight, World, look, wanted

logger = logging.getLogger(__name__)

Noted = Callable[[Step], None]


def ignore(step: Step) -> None:
    """Nobody wants to know."""


class Transaction:
    """`noted` is called with each step when the journal that names it is on the disk, and before it is done."""

    def __init__(self, request: Request, world: World, *, noted: Noted = ignore) -> None:
        self._request = request
        self._world = world
        self._noted = noted

    def run(self) -> ExitCode:
        """How it ended; the history has the same under the request's id. Raises OSError, UnreadableJournal."""
        began_at = time.time()
        self._world.lock_file.parent.mkdir(parents=True, exist_ok=True)
        try:
            mine = lock.take(self._world.lock_file)
        except lock.Held as held:  # 2
            if self._is_under_way():  # whoever is at it writes this switch's line: one of ours would stand in its place
                logger.error("%s: it is under way already: %s", instance(self._request), held)
                return ExitCode.CANNOT_CREATE
            return self._refuse(ExitCode.CANNOT_CREATE, f"another switch is under way: {held}", None, began_at)
        with closing(mine):
            return self._run(began_at)

    def _is_under_way(self) -> bool:
        journal, told = self._world.desk.journal(), progress.read(self._world.progress_file)
        ids = (journal.id if journal else None, told.id if told and told.outcome is None else None)
        return self._request.id in ids

    def _run(self, began_at: float) -> ExitCode:
        target, objection = self._target()
        by = Asked(self._request.id, gate.which(target) if target else None)
        settled = settle_half_done(self._world, by, self._noted)  # 3
        if settled is not None and settled.id == self._request.id:
            return ExitCode(settled.exit_code)
        if target is None:  # 1
            return self._refuse(*objection, None, began_at)
        return self._begin(target, began_at)

    def _target(self) -> tuple[Profile | None, tuple[ExitCode, str]]:
        """The profile that is asked for, or None and why not."""
        try:
            return wanted(self._request, self._world.paths), (ExitCode.OK, "")
        except UnknownProfile as exc:
            return None, (ExitCode.NO_INPUT, str(exc))
        except ProfileError as exc:
            return None, (ExitCode.CONFIG, str(exc))

    def _begin(self, target: Profile, began_at: float) -> ExitCode:
        sight = look(self._world)
        self._tell_check(target, sight, began_at)
        if self._request.restart and (sight.active is None or gate.which(sight.active) != gate.which(target)):
            words = f"{target.name} is not active: only the active profile is loaded again, and nothing else is checked"
            return self._refuse(ExitCode.FAILED, f"{words}; slotctl switch", gate.which(target), began_at)
        objection = gate.refusal(self._request, target, sight, time.time())  # 4
        if isinstance(objection, gate.NoOp):
            return self._end(Outcome.UNCHANGED, ExitCode.OK, objection.words, gate.which(target), began_at)
        if objection is not None:
            return self._refuse(objection.code, f"{objection.words}; {objection.do}", gate.which(target), began_at)
        if (complaint := self._unwritable(target)) is not None:
            return self._refuse(ExitCode.IO_ERROR, complaint, gate.which(target), began_at)
        name = str(self._world.paths.active_profile) if self._request.restart else target.name
        findings = check.ask(name)
        for warning in findings.warned:
            logger.warning("%s: %s", target.name, warning)
        if findings.failed:
            return self._refuse(ExitCode.CONFIG, findings.why_not(), gate.which(target), began_at)
        return ExitCode(self._switch(target, sight, began_at).exit_code)  # 5

    def _unwritable(self, target: Profile) -> str | None:
        active = self._world.paths.active_profile
        try:
            check.try_to_activate(active, flatten(target).encode())
        except OSError as exc:
            return f"{active} cannot be written: {exc.strerror or exc}; make room, or make the disk writable"
        return None

    def _switch(self, target: Profile, sight: Sight, began_at: float) -> Record:
        desk = self._world.desk
        active = sight.active
        if active is not None and sight.serving == gate.which(active):
            desk.write_served(active)
        desk.write_next(target)
        now = time.time()
        journal = Journal(
            id=self._request.id,
            request=instance(self._request),
            came_from=gate.which(active) if active is not None else None,
            to=gate.which(target),
            served=desk.served(),
            force=self._request.force,
            no_rollback=self._request.no_rollback,
            paused_before=sight.paused_by_an_admin,
            by_uid=self._request.by_uid,
            began_at=began_at,
            step_at=now,
            timings={"check": now - began_at},
        )
        return go_on(self._world, journal, self._noted)

    def _refuse(self, code: ExitCode, why: str, to: Which | None, began_at: float) -> ExitCode:
        for line in why.splitlines():
            logger.error("%s: refused: %s", self._request.name, line)
        return self._end(Outcome.REFUSED, code, why, to, began_at)

    def _end(self, outcome: Outcome, code: ExitCode, why: str, to: Which | None, began_at: float) -> ExitCode:
        """Nothing was touched; whoever waits for this switch finds out why in the history."""
        journal = Journal(
            id=self._request.id,
            request=instance(self._request),
            came_from=None,
            to=to or Which(self._request.name, ""),
            served=None,
            by_uid=self._request.by_uid,
            began_at=began_at,
            step_at=began_at,
            outcome=outcome,
            why=why,
        )
        record = msgspec.structs.replace(history.record_of(journal, time.time()), exit_code=int(code))
        history.append(self._world.desk.history_file, record)
        return code

    def _tell_check(self, target: Profile, sight: Sight, began_at: float) -> None:
        came_from = sight.active.name if sight.active else None
        told = Progress(
            id=self._request.id,
            request=instance(self._request),
            came_from=came_from,
            to=target.name,
            step=progress.CHECK,
            since=began_at,
        )
        progress.write(self._world.progress_file, told)


def settle_half_done(world: World, by: By, noted: Noted = ignore) -> Record | None:
    """Finishes or undoes a switch that was cut off; None where none was. To be called with the switch's lock held.

    Raises OSError, UnreadableJournal.
    """
    found = world.desk.journal()
    if found is None:
        return None
    going_on = settle(found, by, time.time())
    logger.warning("the switch to %s was cut off at %s: going on with %s", found.to.name, found.step, going_on.step)
    return go_on(world, going_on, noted, is_at_start=isinstance(by, AtStart))


def go_on(world: World, journal: Journal, noted: Noted = ignore, *, is_at_start: bool = False) -> Record:
    """Does the journal's step and all that come after it. Raises OSError where the disk does not take its beginning,
    before anything was touched, or its end.

    A disk that is full before the stop ends it with nothing changed: a journal that names an earlier step would tell
    whoever finds it so, when the slot is down already. One that is full later on does not end it: the journal on it
    names an earlier step then, and each may be done twice. To stop in the middle would be worse.
    """
    if journal.is_interrupted:
        journal = _noted(world, journal, was=journal.step)
    else:
        world.desk.write_journal(journal)
    told = Teller(world.progress_file, journal)
    deeds = Deeds(world, told.draining, is_at_start=is_at_start)
    while journal.step is not Step.OVER:
        noted(journal.step)
        told.step(journal)
        began = time.monotonic()
        event = deeds.do(journal)
        seconds = time.monotonic() - began
        timings = _with(journal, seconds, deeds)
        logger.info("%s: %s, %.2f s%s", journal.to.name, journal.step, seconds, _complaint(event))
        then = after(msgspec.structs.replace(journal, timings=timings), event, time.time())
        journal = _noted(world, then, was=journal.step)
    told.step(journal)
    record = history.record_of(journal, time.time())
    logger.info("%s: %s%s", record.to, record.outcome, f": {record.why}" if record.why else "")
    return record


def _noted(world: World, journal: Journal, *, was: Step) -> Journal:
    """The journal, on the disk if that takes it; one that would stop the slot and cannot be written turns back."""
    if journal.step is Step.OVER:
        return journal  # its journal is closed
    try:
        world.desk.write_journal(journal)
    except OSError as exc:
        if was is Step.DRAIN and journal.step is Step.STOP:
            why = f"the switch's journal cannot be written: {exc}"
            return msgspec.structs.replace(journal, step=Step.RESUME, outcome=Outcome.REFUSED, why=why)
        logger.error("the journal cannot be written, and the switch goes on: %s", exc)
    return journal


def _complaint(event: Event) -> str:
    return "" if isinstance(event, Done) else f": {event.why}"


def _with(journal: Journal, seconds: float, deeds: Deeds) -> dict[str, float]:
    taken = {journal.step.value: seconds, **deeds.engine_times}
    deeds.engine_times.clear()
    return {**journal.timings, **{name: journal.timings.get(name, 0.0) + more for name, more in taken.items()}}
