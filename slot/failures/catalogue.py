"""The failures that have been seen, as data: what the log says, what it means, what to do, and whether a restart helps.

Collected from public reports about vLLM on Arc Pro B70 (2026), from vLLM's own sources (0.20 to 0.33), and from making
a real vLLM 0.32 fail on purpose. None of the device failures was seen by us: they need the cards.

Order is severity: a root cause stands before what it drags along. One lost device makes a worker die, which makes the
engine core fail, which makes the API server say that its engine is gone; the first of these is the answer.
"""

from __future__ import annotations

from slot.failures.signatures.consequences import CONSEQUENCES
from slot.failures.signatures.devices import DEVICES
from slot.failures.signatures.hangs import HANGS
from slot.failures.signatures.memory import MEMORY
from slot.failures.signatures.quality import QUALITY
from slot.failures.signatures.setup import SETUP

FATAL = DEVICES + MEMORY + SETUP + QUALITY + CONSEQUENCES
"""Searched when the engine has ended."""

__all__ = ["FATAL", "HANGS"]
