"""Is there a slot already, or still? The supervisor's lock says so, and its keeper's after it."""

from slot.lock import holder

__all__ = ["holder"]
