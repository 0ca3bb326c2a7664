"""`slotctl up`: the processes and the terminal behind `session`.

The slot is known by its process id: a snapshot that another supervisor left behind is not believed. Everything is
waited for in one place, `_events`: a signal, a child's end, or a tenth of a second.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slot import lock, state
from slot.cli import child_environment, frontdoor_client, moment_view
from slot.cli.banner import Address, banner
from slot.cli.children import Child
from slot.cli.load_view import load_moment
from slot.cli.log_tail import Follower, last_lines
from slot.cli.moment_view import MomentView
from slot.cli.session import Action, DoorEnded, Event, Interrupted, Served, Session, SlotEnded, Stage, step
from slot.exit_codes import ExitCode
from slot.paths import Paths
from slot.profiles.profile import Profile
from slot.state import Lifecycle, SlotState
from slot.supervisor import keeper

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_S = 0.1
TAIL_LINES = 12


@dataclass(frozen=True)
class Plan:
    """What is to be started. `slot_options` are the words of the command line that `slotctl run` gets as well."""

    profile: Profile
    paths: Paths
    address: Address
    slot_options: tuple[str, ...]
    simulated: bool
    is_verbose: bool

    @property
    def slot_argv(self) -> list[str]:
        return [sys.executable, "-m", "slot.cli", "run", *self.slot_options]

    @property
    def door_argv(self) -> list[str]:
        files = ["--profile", str(self.paths.active_profile), "--state", str(self.paths.state_file)]
        where = ["--host", self.address.host, "--port", str(self.address.port)]
        return [sys.executable, "-m", "frontdoor", *files, *where]


def up(plan: Plan) -> ExitCode:
    """Serves in the foreground until Ctrl-C. Raises OSError where a process or a log cannot be made."""
    # blocked, and waited for in `_events`; the children unblock them again
    signal.pthread_sigmask(signal.SIG_BLOCK, (*STOP_SIGNALS, signal.SIGCHLD))
    door = Child(
        plan.door_argv, child_environment.for_door(os.environ, plan.paths), plan.paths.run_dir / "frontdoor.log"
    )
    try:
        slot = Child(
            plan.slot_argv, child_environment.for_slot(os.environ, plan.paths), plan.paths.run_dir / "engine.log"
        )
    except BaseException:
        door.make_sure_it_ends()
        raise
    view = moment_view.view()
    frontdoor_client.note(plan.paths.run_dir, plan.address.url, os.environ.get("FRONTDOOR_CONTROL_SOCKET"))
    try:
        return Up(plan, slot, door, view).run()
    finally:
        view.close()
        door.make_sure_it_ends()
        slot.make_sure_it_ends()
        frontdoor_client.forget(plan.paths.run_dir)


class Up:
    def __init__(self, plan: Plan, slot: Child, door: Child, view: MomentView) -> None:
        self._plan = plan
        self._slot = slot
        self._door = door
        self._view = view
        self._seen: SlotState | None = None
        self._followers = {}
        if plan.is_verbose:
            self._followers = {"engine": Follower(slot.log), "frontdoor": Follower(door.log)}

    def run(self) -> ExitCode:
        self._view.say(f"logs: {self._slot.log} {self._door.log}")
        for line in child_environment.not_used(os.environ):
            self._view.say(line)
        session = Session()
        while session.stage is not Stage.ENDED:
            for event in self._events(session):
                session, actions = step(session, event)
                for action in actions:
                    self._do(action)
        self._until_the_engine_is_gone()
        self._view.say("stopped")
        return session.exit_code

    def _until_the_engine_is_gone(self) -> None:
        """Where somebody killed the supervisor, the keeper may still be stopping the engine. Ctrl-C kills it now."""
        while (held := lock.holder(self._plan.paths.lock_file)) is not None:
            arrived = signal.sigtimedwait(STOP_SIGNALS, LOOK_S)
            if arrived is not None and held.pid is not None:
                keeper.signal_all(keeper.descendants(held.pid), signal.SIGKILL)

    def _events(self, session: Session) -> Iterator[Event]:
        arrived = signal.sigtimedwait((*STOP_SIGNALS, signal.SIGCHLD), LOOK_S)
        self._look()
        if arrived is not None and arrived.si_signo != signal.SIGCHLD:
            yield Interrupted()
        if (status := self._door.newly_ended()) is not None:
            yield DoorEnded(status)
        if (status := self._slot.newly_ended()) is not None:
            self._look()
            yield SlotEnded(status)
        if session.stage is Stage.LOADING and self._is_served():
            yield Served()

    def _look(self) -> None:
        for name, follower in self._followers.items():
            for line in follower.new_lines():
                self._view.say(f"{name}: {line}")
        snapshot = state.read_if_sound(self._plan.paths.state_file)
        if snapshot is None or snapshot.supervisor_pid != self._slot.pid or snapshot == self._seen:
            return
        self._seen = snapshot
        if (moment := load_moment(snapshot)) is not None:
            self._view.show(moment)

    def _is_served(self) -> bool:
        if self._seen is None or self._seen.state is not Lifecycle.SERVING:
            return False
        return frontdoor_client.is_serving(self._plan.address.url)

    def _do(self, action: Action) -> None:
        match action:
            case Action.SHOW_BANNER:
                self._show_banner()
            case Action.SHOW_SLOT_ENDED:
                self._show_slot_ended()
            case Action.SHOW_DOOR_ENDED:
                self._view.close()
                self._view.say("the frontdoor ended by itself; its last words:")
                self._say_tail(self._door.log)
            case Action.STOP_DOOR:
                self._view.close()
                limit = child_environment.drain_timeout_s(os.environ)
                self._view.say(
                    f"stopping the frontdoor: open requests may take {limit} s; Ctrl-C again stops all at once"
                )
                self._door.signal(signal.SIGTERM)
            case Action.STOP_SLOT:
                self._view.say(f"stopping the engine, which may take up to {self._plan.profile.stop_grace_s:.0f} s")
                self._slot.signal(signal.SIGTERM)
            case Action.KILL_DOOR:
                self._door.signal(signal.SIGKILL)
            case Action.HURRY_SLOT:
                self._view.say("killing the engine")
                # another signal than the first: two of the same could arrive as one
                self._slot.signal(signal.SIGINT)
            case Action.KILL_SLOT:
                family = keeper.descendants(self._slot.pid)
                self._slot.signal(signal.SIGKILL)
                keeper.signal_all(family, signal.SIGKILL)

    def _show_banner(self) -> None:
        self._view.close()
        context = self._seen.engine.max_model_len if self._seen else None
        lines = banner(
            self._plan.profile,
            self._plan.address,
            context=context or self._plan.profile.max_model_len,
            simulated=self._plan.simulated,
        )
        for line in ("", *lines, "", "Ctrl-C stops it."):
            self._view.say(line)

    def _show_slot_ended(self) -> None:
        self._view.close()
        failure = self._seen.failure if self._seen else None
        self._view.say(f"the slot has ended: {failure.cause if failure else 'it left no reason'}")
        if failure is not None:
            self._view.say(f"  found  {failure.detail}")
            self._view.say(f"  do     {failure.remedy}")
        self._say_tail(self._slot.log)
        self._view.say("the frontdoor goes on answering 503 with this reason; Ctrl-C stops it")

    def _say_tail(self, log: Path) -> None:
        for line in last_lines(log, TAIL_LINES):
            self._view.say(f"  | {line}")
        self._view.say(f"  all of it: {log}")
