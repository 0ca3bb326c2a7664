"""What a deed does to a real directory."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

import pytest

from slot.failures import incident
from slot.failures.incident import Evidence
from slot.install.apply import NotDone, apply
from slot.install.wanted import MakeDirectory

ME = pwd.getpwuid(os.geteuid()).pw_name
# root may give to anybody; others to their own groups
GROUP = grp.getgrgid(1 if os.geteuid() == 0 else os.getegid())


def made(path: Path) -> tuple[int, int]:
    seen = path.stat()
    return stat.S_IMODE(seen.st_mode), seen.st_gid


def test_a_directory_for_everybody_to_look_into(tmp_path: Path) -> None:
    said: list[str] = []
    apply([MakeDirectory(tmp_path / "data", ME)], said.append)
    assert made(tmp_path / "data") == (0o755, pwd.getpwnam(ME).pw_gid)
    assert said == [f"make {tmp_path}/data/"]


def test_what_is_put_into_the_incidents_is_of_the_operators_group(tmp_path: Path) -> None:
    incidents = tmp_path / "incidents"
    apply([MakeDirectory(incidents, ME, GROUP.gr_name, 0o2750)], print)
    assert made(incidents) == (0o2750, GROUP.gr_gid)
    place = incident.write(incidents, Evidence("wedged", engine_lines=["x"]), 0.0)
    assert made(place)[1] == GROUP.gr_gid
    assert made(place / "engine.log") == (0o640, GROUP.gr_gid)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "incidents").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotDone):
        apply([MakeDirectory(tmp_path / "incidents", ME)], print)
    assert made(tmp_path / "elsewhere")[0] == 0o700
