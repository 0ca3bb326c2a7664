"""Before the engine is started: has a card failed of which only the kernel told? Then the cards are asked first.

    the sweep noted no such fault, or the slot before this one has asked the cards itself --->  the engine is started
    it did  --aftercare: quiet, each card is asked--all healthy, first fault in an hour------>  the engine is started
            --aftercare--else-------------------------------------------------------------->  FAILED, exit 71

The same care as after a fault that the engine told of (`aftercare`); it comes later here, since the kernel's log is
root's, and root looks only when the slot has ended (`slotctl sweep`).
"""

from __future__ import annotations

import asyncio
import time

import msgspec

from slot.cards.swept import DeviceFault
from slot.exit_codes import ExitCode
from slot.failures.trouble import FaultBefore
from slot.paths import Paths
from slot.state import Lifecycle, Recovery, SlotState
from slot.supervisor import aftercare, stop_signals
from slot.supervisor.aftercare import Care
from slot.supervisor.case import Case
from slot.supervisor.notify import Notifier
from slot.supervisor.publication import Publication


async def ask(fault: DeviceFault, care: Care, blank: SlotState, paths: Paths, notifier: Notifier) -> ExitCode:
    """OK: the engine may be started. DEVICE: it must not; what a person is to do stands in `state.json`.

    `blank` is the slot's snapshot without anything that happened in it.
    """
    case = Case(blank.profile.name, paths.incidents_dir)
    case.open(FaultBefore(fault.name, fault.line), (), None)
    show = _Window(case, blank, Publication(paths.state_file, notifier, patience_s=0.0))
    case.keep(show.snapshot(Lifecycle.DEGRADED, None), ())
    stop_asked = asyncio.Event()
    with stop_signals.heard(lambda _: stop_asked.set()):
        decision = await aftercare.live(care, show=show.recovery, allow=notifier.allow, stop_asked=stop_asked)
    if decision.exit_code is ExitCode.FAILED:
        return ExitCode.OK
    case.close(decision)
    show.last_word()
    return decision.exit_code


class _Window:
    """What others see of it."""

    def __init__(self, case: Case, blank: SlotState, publication: Publication) -> None:
        self._case, self._blank, self._publication = case, blank, publication
        self._recovery: Recovery | None = None

    def recovery(self, recovery: Recovery) -> None:
        self._recovery = recovery
        self._offer(Lifecycle.DEGRADED)

    def last_word(self) -> None:
        self._offer(Lifecycle.FAILED)

    def snapshot(self, lifecycle: Lifecycle, recovery: Recovery | None) -> SlotState:
        facts = {"state": lifecycle, "updated_at": time.time(), "failure": self._case.failure, "recovery": recovery}
        return msgspec.structs.replace(self._blank, **facts)

    def _offer(self, lifecycle: Lifecycle) -> None:
        self._publication.offer(self.snapshot(lifecycle, self._recovery), asyncio.get_running_loop().time())
