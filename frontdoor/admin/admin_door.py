"""What an admin may do to a frontdoor that serves; `control` and the signals ask for it."""

from __future__ import annotations

from time import monotonic

from frontdoor.admin.commands import Progress
from frontdoor.app import Frontdoor


class AdminDoor:
    """The `Door` of `control`."""

    def __init__(self, frontdoor: Frontdoor) -> None:
        self._frontdoor = frontdoor

    @property
    def paused(self) -> str | None:
        """Why generations are refused, or None."""
        return self._frontdoor.watch.paused

    @property
    def own_cap(self) -> int | None:
        """What `set_cap` said; None where the profile's holds."""
        return self._frontdoor.own_cap

    def pause(self, reason: str) -> None:
        """Refuses generations from now on; those that run or wait are not touched. A new reason replaces the old."""
        self._frontdoor.watch.pause(reason)

    def resume(self) -> None:
        self._frontdoor.watch.resume()

    def set_cap(self, cap: int | None) -> None:
        """How many generations may run at once, until the profile changes; None: what the profile says."""
        self._frontdoor.set_own_cap(cap)

    def progress(self) -> Progress:
        """What a drain still waits for."""
        frontdoor, now = self._frontdoor, monotonic()
        admission = frontdoor.gate.admission
        oldest_s = max((now - call.started for call in frontdoor.calls if call.ticket is not None), default=0.0)
        return Progress(admission.active + frontdoor.pooling.admission.active, admission.waiting, oldest_s)

    def status(self) -> dict[str, object]:
        """The body of `GET /status`."""
        return self._frontdoor.status()
