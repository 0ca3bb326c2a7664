"""Puts together what the doctor looks at: the profile's command, its two doors, and this host."""

from __future__ import annotations

from pathlib import Path

from slot import state
from slot.cli.places import PACKAGE_DIR, command_for
from slot.doctor.own_processes import own_processes
from slot.doctor.patches import patches_dir
from slot.doctor.ports import Door
from slot.doctor.subject import Host, Subject
from slot.paths import Paths
from slot.profiles.profile import Profile

DEFAULT_FRONTDOOR_HOST = "127.0.0.1"
DEFAULT_FRONTDOOR_PORT = 8000


def subject_of(profile: Profile, paths: Paths, *, simulate: bool, fstab: Path) -> Subject:
    """Ports that the running slot holds are its own: a profile may be checked while another is served."""
    host = Host(
        data_dir=paths.data_dir,
        home=Path.home(),
        patches_dir=patches_dir(PACKAGE_DIR),
        fstab=fstab,
        own=own_processes(state.read(paths.state_file)),
    )
    doors = (Door("engine", profile.host, profile.port, "SERVE_PORT"), frontdoor_of(profile))
    return Subject(profile, command_for(profile, paths, simulate=simulate), doors, host)


def frontdoor_of(profile: Profile) -> Door:
    host = profile.get("FRONTDOOR_HOST") or DEFAULT_FRONTDOOR_HOST
    return Door("frontdoor", host, int(profile.get("FRONTDOOR_PORT") or DEFAULT_FRONTDOOR_PORT), "FRONTDOOR_PORT")
