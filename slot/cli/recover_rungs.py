"""How each rung of the ladder is done, for `slotctl recover`. Which one is next is `slot.cards.ladder`'s to say.

Each function does one rung and says whether it did what it is there for, and what was seen. All of it is root's; what
is asked of a card is asked by the engine's Python, and that runs as the slot's user.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from slot import state as slot_state
from slot import units
from slot.cards import swept
from slot.cards.holders import holders, in_the_way
from slot.cards.ladder import Rung
from slot.cards.probe import Identity, ask
from slot.cards.question import SIMULATED_CARDS, questions
from slot.cards.rebind import NotRebound, rebind
from slot.cards.sysfs import cards, coredump_of
from slot.cards.verdict import CardSight, all_healthy, not_healthy
from slot.cli.places import active_profile
from slot.cli.refusal import Refused
from slot.exit_codes import ExitCode
from slot.failures import incident, kernel_log
from slot.failures.incident import Evidence
from slot.paths import Paths
from slot.profiles.command import EngineCommand, engine_command
from slot.profiles.profile import Profile
from slot.switch.check import slots_life

# The unit's own limits come first: TimeoutStopSec= for the supervisor, and as much again for the sweep.
_STOP_S = 620.0
_MOST_OF_A_COREDUMP = 64 * 1024**2

Outcome: TypeAlias = tuple[bool, str]


@dataclass(frozen=True)
class Slot:
    """What is to be recovered. `quiet_s`: how long the cards are left alone."""

    paths: Paths
    profile: Profile
    command: EngineCommand
    quiet_s: float
    say: Callable[[str], None]

    @property
    def owner(self) -> pwd.struct_passwd:
        return owner_of(self.paths)


def slot_here(paths: Paths, quiet_s: float, say: Callable[[str], None]) -> Slot:
    """As the unit would start it, which the slot's snapshot is not asked for: the slot's user writes that.

    Raises Refused, ProfileError, units.Refusal, OSError.
    """
    profile = active_profile(paths.active_profile)
    python = shutil.which("python3", path="/usr/bin:/bin") or "python3"
    command = engine_command(
        profile,
        data_dir=paths.data_dir,
        home=Path(owner_of(paths).pw_dir),
        python=python,
        simulate=slots_life().simulates,
    )
    return Slot(paths, profile, command, quiet_s, say)


def owner_of(paths: Paths) -> pwd.struct_passwd:
    """The slot's user: whose the data are."""
    return pwd.getpwuid(paths.data_dir.stat().st_uid)


def do(rung: Rung, slot: Slot) -> Outcome:
    """Whether it helped, and what was seen. Raises Refused where it must not be done now, units.Refusal, OSError."""
    return _DOERS[rung](slot)


def _stop(slot: Slot) -> Outcome:
    slot.say("the engine gets its time to end, and whatever is left of it too")
    units.run("stop", "--", units.SLOT, timeout_s=_STOP_S)
    obstacle = swept.obstacle(swept.read(slot.paths.swept_file), swept.is_alive)
    return (True, "nobody is left") if obstacle is None else (False, obstacle)


def _quiet(slot: Slot) -> Outcome:
    try:
        kept, evidence = True, f"evidence in {_keep_evidence(slot)}"
    except OSError as exc:  # a full disk: the quiet does the cards good all the same
        kept, evidence = False, f"the evidence could not be kept: {exc}"
    until = time.strftime("%H:%M:%S", time.localtime(time.time() + slot.quiet_s))
    slot.say(f"{evidence}; quiet until {until}")
    time.sleep(slot.quiet_s)  # the quiet itself
    return kept, f"{slot.quiet_s:g} s; {evidence}"


def _probe(slot: Slot) -> Outcome:
    sights = _sights(slot)
    if not sights:
        return True, "this engine uses no card"
    return all_healthy(sights), not_healthy(sights) or f"{len(sights)} cards compute"


def _rebind(slot: Slot) -> Outcome:
    if slot.command.simulated:
        (slot.paths.data_dir / SIMULATED_CARDS).unlink(missing_ok=True)
        return True, "the simulated cards are as new"
    if there := holders():
        facts = (("found", "; ".join(str(each) for each in there)), ("do", "end them in peace (SIGTERM), then again"))
        raise Refused(ExitCode.FAILED, "somebody has the cards open: the driver cannot be taken away", facts)
    try:
        return True, rebind(cards())
    except NotRebound as exc:
        return False, str(exc)


def _check(slot: Slot) -> Outcome:
    for card in cards():
        slot.say(str(card))
    if there := in_the_way(holders(), slot.owner.pw_uid):
        return False, "; ".join(str(each) for each in there)
    sights = _sights(slot)
    if not all_healthy(sights):
        return False, not_healthy(sights)
    slot.say(f"starting {slot.profile.name}: it serves when it has generated a token")
    units.run("reset-failed", "--", units.SLOT, timeout_s=units.LOOK_TIMEOUT_S)
    with units.start(units.SLOT) as starting:
        _, complaint = starting.communicate()
    return (True, f"{slot.profile.name} serves") if starting.returncode == 0 else (False, _why(slot, complaint))


def _reboot(slot: Slot) -> Outcome:
    return False, "reboot this host when it suits: `systemctl reboot`. slotctl never does it"


_DOERS: dict[Rung, Callable[[Slot], Outcome]] = {
    Rung.STOP: _stop,
    Rung.QUIET: _quiet,
    Rung.PROBE: _probe,
    Rung.REBIND: _rebind,
    Rung.CHECK: _check,
    Rung.REBOOT: _reboot,
}


def _sights(slot: Slot) -> list[CardSight]:
    owner = slot.owner
    identity = Identity(owner.pw_uid, owner.pw_gid, os.getgrouplist(owner.pw_name, owner.pw_gid))
    found = []
    for question in questions(slot.profile, slot.command, cards(), slot.paths.data_dir):
        found.append(asyncio.run(ask(question, identity=identity)))
        slot.say(str(found[-1]))
    return found


def _why(slot: Slot, complaint: str) -> str:
    with suppress(slot_state.UnreadableState, OSError):
        state = slot_state.read(slot.paths.state_file)
        if state is not None and state.failure is not None:
            return state.failure.cause
    return complaint.strip() or "the slot did not start"


def _keep_evidence(slot: Slot) -> Path:
    """Root's, in a place of root's: the slot's user could lay links into its own."""
    evidence = Evidence(
        "recover",
        state=slot_state.read_if_sound(slot.paths.state_file),
        kernel_lines=kernel_log.lines(output="short-iso"),
    )
    place = incident.write(slot.paths.switch_dir / "incidents", evidence, time.time())
    for card in cards():
        with suppress(OSError), coredump_of(card.bdf).open("rb") as dump:
            (place / f"devcoredump-{card.bdf}").write_bytes(dump.read(_MOST_OF_A_COREDUMP))
    return place
