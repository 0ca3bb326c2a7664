"""May the engine write where it must, and is there room?

The compile cache is the one that surprises: a cold compile writes gigabytes, and an engine that cannot keep them
compiles again at every start.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from slot.doctor.finding import Finding, fail, ok, warn
from slot.doctor.mounts import Mounts
from slot.size_words import size_words

CHECK = "disk"


def check(what: str, directory: Path, mounts: Mounts, *, room_bytes: int) -> Finding:
    """`what` names the directory's purpose; it may not exist yet, then whoever starts the engine makes it."""
    looked_at = f"{what}: {directory}"
    expected = f"writable, with {size_words(room_bytes)} free"
    if (disk := mounts.missing_under(directory)) is not None:
        return fail(CHECK, looked_at, f"the disk of {disk} is not mounted", expected, f"mount {disk}")
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    if not nearest.is_dir():
        return fail(CHECK, looked_at, f"{nearest} is not a directory", expected, f"move {nearest} away")
    if not os.access(nearest, os.W_OK | os.X_OK):
        found = f"{nearest} is not writable for user id {os.geteuid()}"
        # not the nearest one that is there: that may be /, or the root of a disk
        return fail(CHECK, looked_at, found, expected, f"make {directory}, and give it to that user")
    free = shutil.disk_usage(nearest).free
    if free < room_bytes:
        return warn(CHECK, looked_at, f"{size_words(free)} free", expected, "make room")
    return ok(CHECK, looked_at, f"writable, {size_words(free)} free", expected)
