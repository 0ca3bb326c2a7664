from pathlib import Path

import pytest

from slot.doctor.mounts import Mounts, declared_in, mounted_in, read_mounts

FSTAB = """\
# <file system> <mount point> <type> <options> <dump> <pass>
UUID=1 / ext4 defaults 0 1
UUID=2 none swap sw 0 0
UUID=3 /mnt/fast-ai xfs noatime 0 2
   # UUID=9 /mnt/commented ext4 defaults 0 2
UUID=4\t/mnt/two\\040words\text4\tdefaults\t0\t2
garbage
"""
MOUNTINFO = """\
27 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
36 27 259:3 / /mnt/two\\040words rw,noatime shared:9 - ext4 /dev/nvme1n1p1 rw
"""


def test_both_tables_are_read_with_their_escapes() -> None:
    assert declared_in(FSTAB) == {Path("/"), Path("/mnt/fast-ai"), Path("/mnt/two words")}
    assert mounted_in(MOUNTINFO) == {Path("/"), Path("/mnt/two words")}


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("/mnt/fast-ai/llm-models/m", "/mnt/fast-ai"),
        ("/mnt/fast-ai", "/mnt/fast-ai"),
        ("/mnt/fast-ai-2/m", None),
        ("/mnt/two words/m", None),
        ("/home/m", None),
    ],
)
def test_the_deepest_declared_mount_point_decides(path: str, missing: str | None) -> None:
    mounts = Mounts(declared_in(FSTAB), mounted_in(MOUNTINFO))
    assert mounts.missing_under(Path(path)) == (Path(missing) if missing else None)


def test_tables_that_cannot_be_read_are_empty(tmp_path: Path) -> None:
    assert read_mounts(tmp_path / "no", tmp_path) == Mounts(frozenset(), frozenset())
