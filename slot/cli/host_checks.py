"""Puts together what the doctor looks at: the profile's command, its two doors, and this host."""

from __future__ import annotations

from pathlib import Path

from slot import state
from slot.cli.places import command_for
from slot.doctor.mounts import FSTAB
from slot.doctor.own_processes import own_processes
from slot.doctor.ports import Door
from slot.doctor.subject import Host, Subject
from slot.paths import Paths, shipped
from slot.profiles import keys
from slot.profiles.profile import Profile


def subject_of(profile: Profile, paths: Paths, *, simulate: bool, fstab: Path = FSTAB) -> Subject:
    """Ports that the running slot holds are its own: a profile may be checked while another is served."""
    host = Host(
        data_dir=paths.data_dir,
        home=Path.home(),
        patches_dir=shipped("patches"),
        fstab=fstab,
        own=own_processes(state.read_if_sound(paths.state_file)),
    )
    doors = (Door("engine", profile.host, profile.port, "SERVE_PORT"), frontdoor_of(profile))
    return Subject(profile, command_for(profile, paths, simulate=simulate), doors, host)


def frontdoor_of(profile: Profile) -> Door:
    host = profile.get("FRONTDOOR_HOST") or keys.DEFAULT_FRONTDOOR_HOST
    port = int(profile.get("FRONTDOOR_PORT") or keys.DEFAULT_FRONTDOOR_PORT)
    return Door("frontdoor", host, port, "FRONTDOOR_PORT")
