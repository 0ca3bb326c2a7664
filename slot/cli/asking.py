"""What `switch`, `rollback` and `restart` have in common: a request is judged, and systemd is asked to have it done.

    1. Only the plan is wanted                                 -> it is shown
    2. The gate refuses                                        -> said, and nothing is asked for
    3. Another switch is under way                             -> refused: what serves now may not in a moment
       None is, and the gate says that there is nothing to do  -> said, and nothing is asked for
    4. Otherwise its unit is started, and watched if wanted

The gate is asked again by the unit, with root's eyes: what is refused here is only refused sooner.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from slot import units
from slot.cli import door_sight
from slot.cli.follow import Ended, Follower, ending
from slot.cli.moment_view import view
from slot.cli.refusal import Refused
from slot.cli.service import refuse_without
from slot.cli.switch_sight import units_at_work
from slot.exit_codes import ExitCode
from slot.paths import Paths
from slot.profiles.profile import Profile
from slot.switch import gate
from slot.switch.request import LARGEST_UID, Request, instance
from slot.switch.world import World, look, world_at
from slot.units import UnitSight

if TYPE_CHECKING:
    from slot.cards.vram import CardMemory

START_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Manner:
    """How it is asked for: only the `plan`, or done and watched (`wait`), and told in JSON or in words."""

    plan: bool
    wait: bool
    as_json: bool


def ask(request: Request, profile: Profile, paths: Paths, manner: Manner) -> ExitCode:
    """Raises Refused, units.Refusal, OSError."""
    world = world_at(paths)
    if manner.plan:  # 1
        return show_plan(request, profile, world, manner)
    sight = look(world)
    judged = gate.refusal(request, profile, sight, sight.at)
    if isinstance(judged, gate.NoOp):  # 3
        refuse_second()
        return say_unchanged(judged, profile, manner)
    if isinstance(judged, gate.Refused):  # 2
        raise Refused(judged.code, judged.words, (("do", judged.do),))
    unit = units.switch_unit(instance(request))
    refuse_without(unit)
    refuse_second()  # 3
    start(unit)  # 4
    if not manner.wait:
        words = f"asked for: slotctl status --watch shows how it goes, slotctl history how it ended ({request.id})"
        return say(words, {"id": request.id, "unit": unit}, manner)
    return watch(request, unit, world, manner)


def who(environment: Mapping[str, str]) -> int | None:
    """Whose wish it is: behind sudo, the person's. None for a number that has no room in a request."""
    uid = environment.get("SUDO_UID", "")
    number = int(uid) if uid.isdecimal() else os.getuid()
    return number if number <= LARGEST_UID else None


def show_plan(request: Request, profile: Profile, world: World, manner: Manner) -> ExitCode:
    """The code says whether it would begin."""
    from slot.switch.plan import plan

    weights, available = weights_bytes(profile), available_bytes()
    planned = plan(request, profile, world, weights_bytes=weights, available_bytes=available, cards=memory_of_cards())
    typer.echo(json.dumps(planned.as_data(), indent=2) if manner.as_json else "\n".join(planned.lines()))
    return planned.judged.code if isinstance(planned.judged, gate.Refused) else ExitCode.OK


def weights_bytes(profile: Profile) -> int | None:
    """On the disk, for a directory that means the same to everybody; None where there is none to be seen."""
    from slot.doctor.weights import read_weights

    directory = Path(profile.model_dir or "")
    return (read_weights(directory).bytes_on_disk or None) if directory.is_absolute() else None


def available_bytes() -> int | None:
    """Of this host's memory; None where it cannot be seen."""
    from slot.doctor.memory import amounts

    try:
        return amounts(Path("/proc/meminfo").read_text()).get("MemAvailable")
    except OSError:
        return None


def memory_of_cards() -> tuple[CardMemory, ...]:
    """Only root sees what every process holds."""
    from slot.cards.holders import holders
    from slot.cards.sysfs import cards
    from slot.cards.vram import memory_of

    return memory_of(cards(), holders() if os.geteuid() == 0 else None)


def refuse_second() -> None:
    at_work = units_at_work()
    if at_work:
        facts = (("found", at_work[0]), ("do", "wait for it: slotctl status --watch"))
        raise Refused(ExitCode.CANNOT_CREATE, "another switch is under way", facts)


def start(unit: str) -> None:
    try:
        units.run("start", "--no-block", "--", unit, timeout_s=START_TIMEOUT_S)
    except units.Refusal as exc:
        facts = (
            ("found", exc.words.partition("\n")[0]),
            ("expected", f"root, or a member of the group {units.OPERATORS}"),
            ("do", f"sudo slotctl ..., or: sudo usermod -aG {units.OPERATORS} $USER, and log in again"),
        )
        raise Refused(ExitCode.UNAVAILABLE, "systemd did not take the switch", facts) from None


def watch(request: Request, unit: str, world: World, manner: Manner) -> ExitCode:
    """Until it is over. Ctrl-C ends the watching and nothing else."""
    shown = None if manner.as_json else view()
    try:
        ended = Follower(request.id, unit, world).run(shown)
    except KeyboardInterrupt:
        typer.echo("\nno longer watching; the switch goes on: slotctl status --watch", err=True)
        return ExitCode.FAILED
    finally:
        if shown is not None:
            shown.close()
    return tell(ended, manner)


def tell(ended: Ended, manner: Manner) -> ExitCode:
    if ended.record is None:
        facts = (("found", "no line in the history"), ("do", "slotctl logs switch, and slotctl status"))
        raise Refused(ExitCode.FAILED, "the switch ended without saying how", facts)
    words = "\n".join(ending(ended.record, ended.told))
    typer.echo(json.dumps(msgspec.to_builtins(ended.record)) if manner.as_json else words)
    warn_of_door(door_sight.look(), ended.record.door_shut)
    return ExitCode(ended.record.exit_code)


def say_unchanged(judged: gate.NoOp, profile: Profile, manner: Manner) -> ExitCode:
    """What serves already serves nobody while its door has failed."""
    door = door_sight.look()
    say(judged.words, {"outcome": "unchanged", "to": profile.name}, manner)
    warn_of_door(door)
    return ExitCode.UNREACHED if door_sight.has_failed(door) else ExitCode.OK


def warn_of_door(door: UnitSight | None, shut: str | None = None) -> None:
    """On stderr: the switch itself is told on stdout, and may have gone well. `shut`: why it could not be opened."""
    if door is not None and door_sight.is_down(door):
        words, found, do = "the frontdoor does not run", shut or door_sight.found(door), door_sight.DO
    elif shut is not None:
        words, found, do = "the frontdoor stays shut", shut, "slotctl resume; why: slotctl logs switch frontdoor"
    else:
        return
    typer.echo(f"{words}: nobody reaches the model\n  found  {found}\n  do     {do}", err=True)


def say(words: str, data: dict[str, object], manner: Manner) -> ExitCode:
    typer.echo(json.dumps(data) if manner.as_json else words)
    return ExitCode.OK
