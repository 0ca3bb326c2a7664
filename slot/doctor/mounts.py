"""Which disk should be under a path, and is it there?

A path on a disk that is not mounted looks exactly like a path that nobody made. The difference decides what the admin
does next (`mount`, or copy 113 GB of weights), so both tables are read: what the host declares (`fstab`), and what is
mounted (`mountinfo`).

Sources: fstab(5) for the columns and the `\\040` escapes, proc_pid_mountinfo(5) for field 5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FSTAB = Path("/etc/fstab")
OCTAL_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mounts:
    declared: frozenset[Path]
    mounted: frozenset[Path]

    def missing_under(self, path: Path) -> Path | None:
        """The deepest declared mount point at or above `path`, if it is not mounted."""
        above = [path, *path.parents]
        declared = next((place for place in above if place in self.declared), None)
        return declared if declared is not None and declared not in self.mounted else None


def read_mounts(fstab: Path, mountinfo: Path) -> Mounts:
    """A table that cannot be read counts as empty: then a missing directory is just called missing."""
    return Mounts(declared=declared_in(_text(fstab)), mounted=mounted_in(_text(mountinfo)))


def declared_in(fstab: str) -> frozenset[Path]:
    lines = (line.split() for line in fstab.splitlines() if not line.lstrip().startswith("#"))
    return frozenset(_path(fields[1]) for fields in lines if len(fields) >= 3 and fields[1].startswith("/"))


def mounted_in(mountinfo: str) -> frozenset[Path]:
    lines = (line.split() for line in mountinfo.splitlines())
    return frozenset(_path(fields[4]) for fields in lines if len(fields) > 4)


def _path(escaped: str) -> Path:
    return Path(OCTAL_ESCAPE.sub(lambda digits: chr(int(digits[1], 8)), escaped))


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
