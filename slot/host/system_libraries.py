"""Libraries of the system that an engine's wheels take for granted, and that a small Debian or Ubuntu does not have.

Without them an engine installs, says its version, and dies half a minute into its first load.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Mapping

from slot.host.terminal import say


def missing(libraries: Mapping[str, str]) -> dict[str, str]:
    """Those of `libraries` (file name -> package of Debian and Ubuntu) that the loader does not find."""
    return {name: package for name, package in libraries.items() if not _loads(name)}


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def install_if_root(packages: list[str]) -> None:
    """With apt-get, and only as root: anybody else is told what to type. Whether it worked, `missing` says."""
    if not packages or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    say(f"The engine needs {' '.join(packages)}: installing it (apt-get, as root).")
    if not _apt_get("install", *packages):  # a machine may never have fetched its package lists
        _apt_get("update")
        _apt_get("install", *packages)


def _apt_get(verb: str, *packages: str) -> bool:
    command = ["apt-get", verb, "-qq", "-y", "--no-install-recommends", *packages]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode == 0
