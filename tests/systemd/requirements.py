"""What a host must have for a machine to boot on it.

Run as `python -m systemd.requirements` in the directory above: exit code 1 and a sentence where none can boot.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from systemd.cgroups import hierarchies
from systemd.guardian import SYSTEMD
from systemd.plan import Hierarchy

_CAP_SYS_ADMIN = 21
_PROGRAMS = {
    "systemctl": "systemd",
    "journalctl": "systemd",
    "dbus-daemon": "dbus",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
}


def why_not(hierarchy: Hierarchy = Hierarchy.UNIFIED) -> str:
    """Why no machine can boot here, as a sentence for a skipped test; empty if nothing is known to be in the way."""
    missing = [
        f"no {program} (Debian package {package})"
        for program, package in _PROGRAMS.items()
        if not shutil.which(program)
    ]
    if not Path(SYSTEMD).exists():
        missing.append(f"no {SYSTEMD} (Debian package systemd)")
    if os.geteuid() != 0:
        missing.append("not root")
    elif not _has_capability(Path("/proc/self/status").read_text(), _CAP_SYS_ADMIN):
        missing.append("root without CAP_SYS_ADMIN")
    known = Path("/proc/filesystems").read_text().split()
    missing += [f"a kernel without {name}" for name in ("overlay", "cgroup2") if name not in known]
    if not hierarchies(Path("/proc/self/mounts").read_text(), hierarchy):
        missing.append(f"no {hierarchy} cgroups mounted")
    return f"a real systemd cannot boot here: {', '.join(missing)}" if missing else ""


def _has_capability(status: str, number: int) -> bool:
    """`status`: the text of /proc/PID/status."""
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return effective is not None and bool(int(effective[1], 16) >> number & 1)


if __name__ == "__main__":
    sys.exit(why_not() or None)
