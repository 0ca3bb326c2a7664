"""Is there a slot already, or still? The supervisor's lock says so, and its keeper's after it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from slot.lock import Held, take


def holder(lock_file: Path) -> Held | None:
    """Who holds the lock, or None where nobody does. The run directory must exist. Raises OSError."""
    try:
        with closing(take(lock_file)):
            return None
    except Held as held:
        return held
