"""The failures that have been seen, as data: what the log says, what it means, what to do, and whether a restart helps.

Collected from public reports about vLLM on Arc Pro B70 (2026), from vLLM's own sources (0.20 to 0.33), and from making
a real vLLM 0.32 fail on purpose. None of the device failures was seen by us: they need the cards.

Order is severity: a root cause stands before what it drags along. One lost device makes a worker die, which makes the
engine core fail, which makes the API server say that its engine is gone; the first of these is the answer.

What can be read off a log is here. What cannot (text that is nonsense and well-formed, a leak, a server that answers
and does not generate) is for the canaries, the pulse and the host's own monitoring.
"""

from __future__ import annotations

from slot.failures.signatures.consequences import CONSEQUENCES
from slot.failures.signatures.devices import DEVICES
from slot.failures.signatures.hangs import HANGS
from slot.failures.signatures.host import HOST
from slot.failures.signatures.memory import MEMORY
from slot.failures.signatures.notes import NOTES
from slot.failures.signatures.quality import QUALITY
from slot.failures.signatures.setup import SETUP

FATAL = DEVICES + MEMORY + SETUP + HOST + QUALITY + CONSEQUENCES
"""Searched when the engine has ended."""

NOTED = QUALITY + NOTES
"""Searched in each line while the engine goes on. The first that matches is what the line is about."""

__all__ = ["FATAL", "HANGS", "NOTED"]
