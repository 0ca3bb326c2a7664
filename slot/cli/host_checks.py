"""Puts together what the doctor looks at: the profile's command, its two doors, and this host."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from slot import state, units
from slot.cli import service
from slot.cli.places import command_for
from slot.doctor.mounts import FSTAB
from slot.doctor.own_processes import own_processes
from slot.doctor.ports import Door
from slot.doctor.subject import Host, Subject
from slot.paths import Paths, shipped
from slot.profiles import keys
from slot.profiles.profile import Profile

LISTEN = re.compile(r"Listen=\S*:(\d+) \(Stream\)")
SANDBOX = Path("/etc/systemd/system") / f"{units.SLOT}.d" / "10-host.conf"


def subject_of(profile: Profile, paths: Paths, *, simulate: bool, fstab: Path = FSTAB) -> Subject:
    """Ports that the running slot holds are its own: a profile may be checked while another is served."""
    is_service = service.is_service(paths)
    host = Host(
        data_dir=paths.data_dir,
        home=Path.home(),
        patches_dir=shipped("patches"),
        fstab=fstab,
        own=own_processes(state.read_if_sound(paths.state_file), unit_group() if is_service else ""),
        sandbox=SANDBOX if is_service else None,
    )
    frontdoor = replace(frontdoor_of(profile), kept=port_kept() if is_service else None)
    doors = (Door("engine", profile.host, profile.port, "SERVE_PORT"), frontdoor)
    return Subject(profile, command_for(profile, paths, simulate=simulate), doors, host)


def unit_group() -> str:
    """The control group of the slot's unit; empty where it has no process, or systemd does not say."""
    try:
        shown = units.run(
            "show", "--property=ControlGroup", "--value", "--", units.SLOT, timeout_s=units.LOOK_TIMEOUT_S
        )
    except units.Refusal:
        return ""
    return shown.strip()


def port_kept() -> int | None:
    """The port on which the frontdoor's socket unit listens; None where it does not."""
    try:
        shown = units.run(
            "show", "--property=ActiveState,Listen", "--", units.SOCKET, timeout_s=units.LOOK_TIMEOUT_S
        ).splitlines()
    except units.Refusal:
        return None
    # one line for each address: `Listen=0.0.0.0:8000 (Stream)`
    ports = (match[1] for line in shown if (match := LISTEN.match(line)))
    return int(next(ports, 0)) or None if "ActiveState=active" in shown else None


def frontdoor_of(profile: Profile) -> Door:
    host = profile.get("FRONTDOOR_HOST") or keys.DEFAULT_FRONTDOOR_HOST
    port = int(profile.get("FRONTDOOR_PORT") or keys.DEFAULT_FRONTDOOR_PORT)
    return Door("frontdoor", host, port, "FRONTDOOR_PORT")
