"""What is to be done about a slot: the orders of `lifecycle`, carried out by `supervisor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class StartEngine:
    """Start the engine. It comes back as `Exited` or `CouldNotStart`, and always as `Swept`."""


@dataclass(frozen=True)
class TakeEvidence:
    """Keep what can be seen of the engine while it lives. It comes back as `EvidenceTaken`, or too late."""


@dataclass(frozen=True)
class TerminateEngine:
    """SIGTERM to the engine's main process, or to what it left behind."""


@dataclass(frozen=True)
class KillEngine:
    """SIGKILL to every process of the engine."""


@dataclass(frozen=True)
class AnnounceReady:
    """The slot serves for the first time: tell systemd, write the load into the history."""


@dataclass(frozen=True)
class AnnounceStopping:
    """The slot is on its way down: tell systemd."""


@dataclass(frozen=True)
class Finish:
    """The slot is over; the state says how it ended."""


Action: TypeAlias = (
    StartEngine | TakeEvidence | TerminateEngine | KillEngine | AnnounceReady | AnnounceStopping | Finish
)
