"""The lock under its former name, until whoever imports it from here has moved."""

from slot.lock import Held, Lock, take

__all__ = ["Held", "Lock", "take"]
