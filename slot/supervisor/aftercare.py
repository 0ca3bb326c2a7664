"""After a device fault: wait, ask each card, and only then say whether the unit may start again.

    OVER      --not a device's fault----------------------->  exit code by the diagnosis; nothing of this happens
    OVER      --a device's--------------------------------->  QUIET     nobody touches the cards
    QUIET     --quiet_s------------------------------------>  PROBING   each card, one after the other, in bounded time
    PROBING   --all healthy, first fault in an hour-------->  exit 1    systemd restarts it after RestartSec
    PROBING   --else--------------------------------------->  exit 71   stays failed: RestartPreventExitStatus
    QUIET or PROBING  --asked to stop---------------------->  exit 71   at once

Until then systemd takes the unit for running: one that says it is stopping is not signalled when somebody stops it.

No restarter of our own: the exit code is all that is said, and systemd's start limit counts as ever. A blind restart
onto a card that hangs makes it worse; an engine that loses its cards again within an hour will lose them a third time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from slot.cards.device_faults import note, noted
from slot.cards.probe import LIMIT_S, ask
from slot.cards.question import Question
from slot.cards.swept import Swept
from slot.cards.verdict import CardSight, all_healthy, not_healthy
from slot.exit_codes import ExitCode
from slot.state import HEARTBEAT_S, CardFacts, Recovery, RecoveryStage

logger = logging.getLogger(__name__)

QUIET_S = 60.0
"""How long a card is left alone before it is asked: the driver resets engines and writes its coredump meanwhile."""

APART_S = 3600.0
"""Two device faults closer than this are one trouble that a restart does not mend."""


@dataclass(frozen=True)
class Decision:
    """How the supervisor ends, and what a person is to do next, in words."""

    exit_code: ExitCode
    next_step: str


def decide(sights: Sequence[CardSight], earlier_faults: Sequence[float], now: float) -> Decision:
    """After a device fault at `now` (seconds since the epoch); `earlier_faults` are the times of those before it.

    A card that nobody could ask (UNKNOWN) is not taken for healthy. No card at all is: an engine on the CPU has none.
    """
    if not all_healthy(sights):
        return Decision(ExitCode.DEVICE, f"not every card is well: {not_healthy(sights)}. Next: `slotctl recover`")
    if latest := [at for at in earlier_faults if abs(now - at) < APART_S]:
        words = f"the cards answer again, but this is device fault {len(latest) + 1} within an hour: {_ADVICE}"
        return Decision(ExitCode.DEVICE, words)
    return Decision(ExitCode.FAILED, "the cards answer again: the slot is started once more")


@dataclass(frozen=True)
class Care:
    """What is done on this host after a device fault: `questions` has one for each card that the engine uses.

    `swept` is what was found after the slot before this one.
    """

    questions: tuple[Question, ...]
    faults_file: Path
    quiet_s: float = QUIET_S
    probe_s: float = LIMIT_S
    swept: Swept | None = None


async def live(
    care: Care,
    *,
    show: Callable[[Recovery], None],
    allow: Callable[[float], None],
    stop_asked: asyncio.Event,
) -> Decision:
    """To be awaited after a device fault, when no process of the engine is left.

    `show` publishes what is going on, at least every HEARTBEAT_S; `allow` asks systemd for so many seconds of patience
    from now on, more than once; `stop_asked` is set when somebody wants the slot to end, before or meanwhile.
    """
    began = time.time()
    earlier = noted(care.faults_file)
    note(care.faults_file, began)
    with contextlib.closing(_Bulletin(show)) as bulletin:
        healing = asyncio.create_task(_sights(care, bulletin, allow), name="aftercare")
        stopping = asyncio.create_task(stop_asked.wait(), name="aftercare, asked to stop")
        await asyncio.wait({healing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (healing, stopping):
            if not task.done():
                task.cancel()
        await asyncio.wait({healing, stopping})
        if healing.cancelled():
            return Decision(ExitCode.DEVICE, "asked to stop before the cards were probed. Next: `slotctl recover`")
        decision = decide(healing.result(), earlier, began)
    logger.info("after the device fault: %s", decision.next_step)
    return decision


async def _sights(care: Care, bulletin: _Bulletin, allow: Callable[[float], None]) -> list[CardSight]:
    if not care.questions:
        return []  # an engine without cards leaves nothing to be quiet about
    allow(care.quiet_s + _SLACK_S)
    bulletin.put(Recovery(stage=RecoveryStage.QUIET, until=time.time() + care.quiet_s))
    await asyncio.sleep(care.quiet_s)
    sights: list[CardSight] = []
    for question in care.questions:  # one after the other: a driver in trouble is not asked four things at once
        allow(care.probe_s + _SLACK_S)
        until = time.time() + care.probe_s
        bulletin.put(Recovery(stage=RecoveryStage.PROBING, until=until, cards=_facts(sights)))
        sights.append(await ask(question, limit_s=care.probe_s))
        logger.info("card %s", sights[-1])
    bulletin.put(Recovery(stage=RecoveryStage.DONE, cards=_facts(sights)))
    return sights


def _facts(sights: Sequence[CardSight]) -> tuple[CardFacts, ...]:
    return tuple(CardFacts(bdf=each.bdf, verdict=each.verdict.value, words=each.words) for each in sights)


class _Bulletin:
    """What is shown, again and again: a snapshot that is not rewritten is not believed."""

    def __init__(self, show: Callable[[Recovery], None]) -> None:
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._again: asyncio.TimerHandle | None = None

    def put(self, recovery: Recovery) -> None:
        self.close()
        self._show(recovery)
        self._again = self._loop.call_later(HEARTBEAT_S, self.put, recovery)

    def close(self) -> None:
        if self._again is not None:
            self._again.cancel()


# What systemd gets on top of our own limits, so that ours strike first.
_SLACK_S = 15.0

_ADVICE = "switch to another profile, or see `slotctl recover`"
