import os
from pathlib import Path

import pytest

from slot.doctor.disk import check
from slot.doctor.finding import Level
from slot.doctor.mounts import Mounts

NO_MOUNTS = Mounts(frozenset(), frozenset())


def test_a_directory_that_does_not_exist_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    finding = check("cache", tmp_path / "a/b", NO_MOUNTS, room_bytes=1)
    assert finding.level == Level.OK
    assert finding.looked_at == f"cache: {tmp_path}/a/b"


def test_too_little_room_is_a_warning(tmp_path: Path) -> None:
    assert check("cache", tmp_path, NO_MOUNTS, room_bytes=2**60).level == Level.WARN


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    finding = check("cache", tmp_path / "a/b", NO_MOUNTS, room_bytes=1)
    assert (finding.level, finding.found) == (Level.FAIL, f"{tmp_path}/a is not a directory")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_of_somebody_else_fails() -> None:
    finding = check("cache", Path("/etc/slot"), NO_MOUNTS, room_bytes=1)
    assert (finding.level, finding.do) == (Level.FAIL, "make /etc/slot, and give it to that user")


def test_an_unmounted_disk_is_not_written_around(tmp_path: Path) -> None:
    mounts = Mounts(declared=frozenset({tmp_path}), mounted=frozenset())
    finding = check("cache", tmp_path / "cache", mounts, room_bytes=1)
    assert (finding.level, finding.do) == (Level.FAIL, f"mount {tmp_path}")
