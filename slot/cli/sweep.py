"""`slotctl sweep`: the unit's ExecStopPost=. After every end of the slot, whatever ended it:

    1. Whoever is left in the unit's control group goes, in peace if it can (`slot.cards.departure`).
    2. Where the slot failed, the kernel's lines since its start are searched for a card's fault: the engine that it
       took along may not have told of it.
    3. Whoever is in the way in the cards' memory is waited for, for a while.
    4. What was found is written to `swept.json`, which the next start reads: it loads nothing beside what is left, and
       nothing on a card that failed and was not asked since.

Systemd's own SIGKILL is out of the way (KillMode=process), and would come only after all of this: SLOT_STOP_TIMEOUT_S
is the unit's TimeoutStopSec=, which it must agree with.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence

import typer

from slot import units
from slot.cards import swept
from slot.cards.departure import Patience
from slot.cards.holders import Holder, holders, in_the_way
from slot.cards.sweeper import Departure, until_one_ends
from slot.cards.sweeper import sweep as sweep_away
from slot.cards.swept import DeviceFault, Left, Swept
from slot.cards.sysfs import cards
from slot.cards.unit_processes import others_in, own_group, unit_in
from slot.cli.refusal import Refused
from slot.exit_codes import ExitCode
from slot.failures import kernel_log
from slot.failures.diagnosis import DETAIL_LENGTH, by_kernel
from slot.paths import Paths
from slot.profiles import keys
from slot.profiles.catalog import load_active
from slot.profiles.problems import ProfileError

STOP_TIMEOUT_S = 300.0

_KILL_BEFORE_S = 20.0
_GIVE_UP_AFTER_S = 5.0
# The keeper's own SIGKILL comes after the engine's grace; then it needs a moment to bury the dead.
_KEEPERS_MOMENT_S = 5.0
# Whoever is killed was asked at least so long before.
_ASKED_S = 10.0
_MEMORY_S = 30.0
_LOOK_AGAIN_S = 0.5
_KERNEL_S = 3.0


def sweep(paths: Paths) -> int:
    """OK when nobody is left and nobody is in the way, else DEVICE. Raises Refused outside of a unit that has ended."""
    group = _unit_that_has_ended(os.environ)
    timeout_s = stop_timeout_s(os.environ)
    began, me = time.monotonic(), os.getpid()
    departure = sweep_away(lambda: others_in(group, me), patience(_stop_grace_s(paths), timeout_s))
    fault = _device_fault(group, os.environ["SERVICE_RESULT"])
    memory_s = max(0.0, min(_MEMORY_S, timeout_s - _GIVE_UP_AFTER_S - (time.monotonic() - began)))
    slot_uid = paths.run_dir.stat().st_uid
    found = until_free(lambda: in_the_way(holders(), slot_uid), memory_s) if cards() else ()
    record = _record(departure, found, fault)
    swept.write(paths.swept_file, record)
    typer.echo(words(record))
    return ExitCode.OK if record.is_clean else ExitCode.DEVICE


def patience(stop_grace_s: float, timeout_s: float) -> Patience:
    """`stop_grace_s` is the profile's, `timeout_s` the unit's."""
    kill_at_s = max(0.0, timeout_s - _KILL_BEFORE_S)
    keeper_s = min(stop_grace_s + _KEEPERS_MOMENT_S, max(0.0, kill_at_s - _ASKED_S))
    return Patience(keeper_s, kill_at_s, kill_at_s + _GIVE_UP_AFTER_S)


def stop_timeout_s(environment: Mapping[str, str]) -> float:
    """The unit's own; one that makes no sense is not believed: a sweep that refuses to sweep helps nobody."""
    try:
        said = float(environment.get("SLOT_STOP_TIMEOUT_S") or STOP_TIMEOUT_S)
    except ValueError:
        return STOP_TIMEOUT_S
    return said if said > 0 else STOP_TIMEOUT_S


def words(record: Swept) -> str:
    """One line for the journal."""
    said = [f"swept in {record.waited_s:.1f} s"]
    said += [f"ended {len(record.terminated)} by SIGTERM"] if record.terminated else []
    said += [f"killed {len(record.killed)}"] if record.killed else []
    obstacle = swept.obstacle(record, lambda pid: True)
    said += [f"in the way of the next load: {obstacle}"] if obstacle else ["nobody is left"]
    fault = record.device_fault
    said += [f"the kernel tells of a device fault, {fault.name}: {fault.line}"] if fault else []
    return ", ".join(said)


def _unit_that_has_ended(environment: Mapping[str, str]) -> str:
    """The control group of the unit whose ExecStopPost= this is: anywhere else the sweep would end strangers."""
    group = own_group()
    if unit_in(group) is None or "SERVICE_RESULT" not in environment:  # systemd.exec(5): set for ExecStopPost= only
        facts = (
            ("found", f"a call from {group or 'no control group'}"),
            ("expected", "the unit's ExecStopPost="),
            ("do", "`slotctl recover` shows who holds the cards; `slotctl status`, how the slot is"),
        )
        raise Refused(ExitCode.USAGE, "the sweep is the unit's own: it ends all that is left of a slot", facts)
    return group


def _stop_grace_s(paths: Paths) -> float:
    try:
        return load_active(paths.active_profile).stop_grace_s
    except (ProfileError, OSError):  # the slot may have failed of that
        return keys.DEFAULT_STOP_GRACE_S


def until_free(find: Callable[[], Sequence[Holder]], limit_s: float) -> Sequence[Holder]:
    """Who is in the way after `limit_s` at the latest. A driver gives memory back a moment after its process ended."""
    deadline = time.monotonic() + limit_s
    while (found := find()) and (left_s := deadline - time.monotonic()) > 0:
        until_one_ends([each.pid for each in found], min(_LOOK_AGAIN_S, left_s))
    return found


def _device_fault(group: str, result: str) -> DeviceFault | None:
    unit = unit_in(group)
    if result == "success" or unit is None:  # it outlived whatever there was, and ended in peace
        return None
    try:
        since = units.main_process_began(unit)
    except units.Refusal as exc:
        typer.echo(f"cannot tell since when the kernel's lines count: {exc}", err=True)
        return None
    return None if since is None else fault_told(kernel_log.lines(since=since, limit_s=_KERNEL_S), since)


def fault_told(kernel_lines: Sequence[str], since: float) -> DeviceFault | None:
    """`kernel_lines`: those from `since` on."""
    found = by_kernel(kernel_lines)
    return None if found is None else DeviceFault(name=found.name, line=found.detail[:DETAIL_LENGTH], since=since)


def _record(departure: Departure, found: Sequence[Holder], fault: DeviceFault | None) -> Swept:
    return Swept(
        at=time.time(),
        invocation=os.environ.get("INVOCATION_ID", ""),
        terminated=departure.terminated,
        killed=departure.killed,
        left=tuple(Left(pid=each.pid, command=each.command) for each in departure.left),
        holders=tuple(each.held for each in found),
        waited_s=round(departure.waited_s, 3),
        device_fault=fault,
    )
