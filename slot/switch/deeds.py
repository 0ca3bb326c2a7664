"""What each step of a switch does. Each may be done twice, and says how it went: `steps` decides what then.

Nothing here is remembered from one step to the next but on the disk: whoever takes up a journal does the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from slot import lock, state, units
from slot.atomic_file import write_atomically
from slot.cards import swept
from slot.exit_codes import ExitCode
from slot.profiles.catalog import load_active
from slot.profiles.problems import ProfileError
from slot.profiles.profile import Profile
from slot.state import Lifecycle, SlotState
from slot.switch import canary, cooldown, door_unit, history, slot_unit
from slot.switch.entrance import Entrance
from slot.switch.progress import Draining
from slot.switch.steps import Done, Event, Failed, Journal, Outcome, Step
from slot.switch.world import World
from slot.units import UnitSight

logger = logging.getLogger(__name__)

# Beyond the profile's own limits, which come first: so a failure has the slot's words and not ours. After a device
# fault the slot is quiet for a minute and probes each card before it says that it has failed.
SLACK_S = 300.0
SWEEP_S = 300.0


def has_lost_a_card(unit: UnitSight, slot: SlotState | None, since: float) -> bool:
    """Whether the slot has failed of a card since then. A switch that was killed right after that knows nothing of it,
    and would start the next model on a card that nobody has probed."""
    is_down = unit.active == "failed" and unit.exit_status == ExitCode.DEVICE
    return is_down and slot is not None and slot.failure is not None and slot.failure.at >= since


class Deeds:
    """`tell`: what is told of a drain. `is_at_start`: the slot is about to start, so nothing may wait for it."""

    def __init__(self, world: World, tell: Callable[[Draining], None], *, is_at_start: bool = False) -> None:
        self._world = world
        self._entrance = Entrance(world.door, tell, is_at_start=is_at_start)
        self._is_at_start = is_at_start
        self.engine_times: dict[str, float] = {}

    def do(self, journal: Journal) -> Event:
        """Raises OSError where the journal itself could not be closed."""
        if journal.step is Step.RECORD:
            return self._record(journal)  # nothing comes after it that could make good what it could not do
        try:
            return self._do(journal)
        except (units.Refusal, OSError, ProfileError) as exc:
            return Failed(str(exc))
        except Exception as exc:
            # Whatever it is, a model is to serve and the door to be open afterwards: what can be undone is undone.
            logger.exception("at %s", journal.step)
            return Failed(f"a fault of slotctl itself: {type(exc).__name__}: {exc}")

    def _do(self, journal: Journal) -> Event:
        desk = self._world.desk
        match journal.step:
            case Step.PAUSE:
                return self._entrance.pause(journal)
            case Step.DRAIN:
                return self._entrance.drain(journal)
            case Step.STOP | Step.UNDO_STOP:
                return self._stop()
            case Step.FREE | Step.UNDO_FREE:
                return self._prove_free()
            case Step.WRITE:
                return self._activate(desk.next_file)
            case Step.UNDO_WRITE:
                return self._activate(desk.served_file)
            case Step.START:
                return self._start(load_active(desk.next_file), journal)
            case Step.UNDO_START:
                return self._start(load_active(desk.served_file), journal)
            case Step.VERIFY:
                return self._verify(load_active(desk.next_file))
            case Step.UNDO_VERIFY:
                return self._verify(load_active(desk.served_file))
            case Step.DOWN | Step.PUT_BACK:
                return self._put_back(journal)
            case Step.COOL:
                return self._cool(journal)
            case Step.RESUME:
                return self._open(journal)
        raise RuntimeError(f"unexpected step: {journal.step}")

    # -- the slot --------------------------------------------------------------------------------------------------

    def _stop(self) -> Event:
        active = state.read_if_sound(self._world.paths.state_file)
        ended = slot_unit.stop(self._world.paths.state_file, self._stop_limit_s())
        self._add("engine_stop", ended.engine_s)
        if ended.complaint is not None:
            name = active.profile.name if active else "the slot"
            return Failed(f"{name} could not be stopped: {ended.complaint}")
        return Done()

    def _stop_limit_s(self) -> float:
        try:
            grace_s = load_active(self._world.paths.active_profile).stop_grace_s
        except (OSError, ProfileError):  # whatever is wrong with it, the slot must be stopped
            grace_s = SWEEP_S
        return grace_s + SWEEP_S + SLACK_S

    def _prove_free(self) -> Event:
        """By the sweep's word on processes and the cards' memory, and by the slot's lock."""
        obstacle = swept.obstacle(swept.read(self._world.paths.swept_file), swept.is_alive)
        if obstacle is None and (held := lock.holder(self._world.paths.lock_file)) is not None:
            obstacle = f"a process of the slot is still there: {held}"
        return Done() if obstacle is None else Failed(obstacle, is_device=True)

    def _activate(self, file: Path) -> Event:
        """A disk that is full keeps nobody from going back to what is active still."""
        active, text = self._world.paths.active_profile, file.read_bytes()
        if not active.exists() or active.read_bytes() != text:
            active.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(active, text)
        return Done()

    def _start(self, profile: Profile, journal: Journal) -> Event:
        if has_lost_a_card(units.look(units.SLOT), self._slot(), journal.began_at):
            return Failed(f"{profile.name} is not started: {self._cause(journal.began_at)}", is_device=True)
        began = time.time()
        limit_s = profile.load_timeout_s + profile.stop_grace_s + SLACK_S
        ended = slot_unit.start(self._world.paths.state_file, limit_s)
        self._add("engine_load", ended.engine_s)
        if ended.complaint is None:
            return Done()
        is_device = units.look(units.SLOT).exit_status == ExitCode.DEVICE
        return Failed(f"{profile.name} did not start: {self._cause(began) or ended.complaint}", is_device)

    def _cause(self, began: float) -> str | None:
        """The slot's own words on its last failure."""
        slot = self._slot()
        if slot is None or slot.failure is None or slot.failure.at < began:
            return None
        return "; ".join(filter(None, (slot.failure.cause, slot.failure.remedy)))

    def _slot(self) -> SlotState | None:
        return state.read_if_sound(self._world.paths.state_file)

    def _verify(self, profile: Profile) -> Event:
        slot = self._slot()
        if slot is None or slot.state is not Lifecycle.SERVING or slot.is_abandoned(time.time()):
            found = "nothing" if slot is None else slot.state
            return Failed(f"{profile.name} does not serve after its start: found {found}")
        if slot.profile.sha256 != profile.sha256:
            return Failed(f"another profile serves: found {slot.profile.name}, expected {profile.name}")
        try:
            canary.ask(slot.engine_url, profile)
        except canary.Wrong as exc:
            return Failed(f"{profile.name} loaded and does not answer as it should: {exc}")
        return Done()

    def _open(self, journal: Journal) -> Event:
        """At a boot systemd starts the door itself, in its own time."""
        complaint = None if self._is_at_start else door_unit.revive()
        # whatever keeps it from starting: the pause of a door that runs is still to be taken back
        opened = self._entrance.resume(journal)
        return opened if complaint is None else Failed(complaint)

    # -- what is kept ----------------------------------------------------------------------------------------------

    def _put_back(self, journal: Journal) -> Event:
        """The next start is the last that served; who forbade to go back finds what they asked for."""
        if journal.served is not None and not (journal.no_rollback and journal.step is Step.DOWN):
            return self._activate(self._world.desk.served_file)
        return Done()

    def _cool(self, journal: Journal) -> Event:
        file = self._world.desk.cooldown_file
        cause = journal.fault.why if journal.fault else ""
        cooldown.write(file, cooldown.cooled(cooldown.read(file), journal.to, cause, journal.step_at))
        return Done()

    def _record(self, journal: Journal) -> Event:
        desk = self._world.desk
        if journal.outcome is Outcome.SWITCHED:
            desk.next_has_served()
            cooldowns = cooldown.read(desk.cooldown_file)
            if journal.to.name in cooldowns:
                cooldown.write(desk.cooldown_file, cooldown.cleared(cooldowns, journal.to.name))
        history.append(desk.history_file, history.record_of(journal, time.time()))
        desk.close_journal()
        return Done()

    def _add(self, name: str, seconds: float) -> None:
        self.engine_times[name] = self.engine_times.get(name, 0.0) + seconds
