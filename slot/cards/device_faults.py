"""When the cards failed lately: a small file of times, newest last, that outlives the supervisor and the boot.

Apart from the incidents, which are evidence, and are cleared away when they grow too big. Losing it costs a restart
that would better not have been: so nothing fails because of it.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from slot.atomic_file import write_atomically
from slot.bad_json import BAD_JSON

logger = logging.getLogger(__name__)

FILE_NAME = "device-faults.json"

_KEPT = 20


def noted(path: Path) -> list[float]:
    """The times, in seconds since the epoch; none where there is no such file, or no sound one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[float])
    except FileNotFoundError:
        return []
    except (OSError, *BAD_JSON) as exc:
        logger.warning("cannot tell earlier device faults: %s: %s", path, exc)
        return []


def note(path: Path, at: float) -> None:
    """Adds one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, msgspec.json.encode([*noted(path), at][-_KEPT:]) + b"\n")
    except OSError as exc:
        logger.warning("cannot keep the time of this device fault: %s", exc)
