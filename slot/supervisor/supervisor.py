"""One slot's supervisor: one inbox, one loop, event in, `step`, actions out.

What the engine's processes do (`engine`), what the engine answers (`ladder`, and its pulse while it serves), signals
and the clock all come in as events of `lifecycle`; this module carries out what `step` orders and keeps the published
snapshot true. It decides nothing: what a trouble means and leads to is `case`'s, and `aftercare`'s where the cards must
be asked first.

Between two events the loop sleeps until the next heartbeat or the slot's next limit, so that a slot which serves costs
one small write in two seconds.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence

import msgspec

from slot.failures import stacks
from slot.failures.notes import Notebook
from slot.failures.signature import Kind
from slot.lock import Lock
from slot.paths import Paths
from slot.profiles.command import EngineCommand
from slot.profiles.profile import Profile
from slot.pulse import scrape
from slot.pulse.allowance import allowance_s
from slot.pulse.heart import Declare
from slot.pulse.watcher import Watcher
from slot.state import Lifecycle, LoadPhase, Readiness, Recovery, SlotState
from slot.supervisor import aftercare, stop_signals
from slot.supervisor.actions import (
    Action,
    AnnounceReady,
    AnnounceStopping,
    Finish,
    KillEngine,
    StartEngine,
    TakeEvidence,
    TerminateEngine,
)
from slot.supervisor.aftercare import Care
from slot.supervisor.case import Case
from slot.supervisor.echo import Echo
from slot.supervisor.engine import Engine
from slot.supervisor.events import (
    Climbed,
    Event,
    EvidenceTaken,
    LoadAsked,
    LogAdvanced,
    Misserved,
    StoodStill,
    StopAsked,
    Ticked,
)
from slot.supervisor.ladder import Ladder
from slot.supervisor.lifecycle import EVIDENCE_S, ORPHAN_GRACE_S, Limits, Slot, step
from slot.supervisor.load_watch import LoadWatch
from slot.supervisor.notify import Notifier
from slot.supervisor.output_lines import Line
from slot.supervisor.probe import Expected, Probe, Sight
from slot.supervisor.publication import Publication

logger = logging.getLogger(__name__)

# Our own limit strikes first, so that the slot fails with a cause and not with systemd's timeout.
_SYSTEMD_SLACK_S = 15.0


class Supervisor:
    """One life of one slot."""

    def __init__(
        self,
        profile: Profile,
        command: EngineCommand,
        paths: Paths,
        lock: Lock,
        notifier: Notifier,
        *,
        blank: SlotState,
        care: Care | None,
    ) -> None:
        """`blank` is the slot's snapshot without anything that happened in it."""
        self._profile = profile
        self._command = command
        self._lock = lock
        self._notifier = notifier
        self._care = care
        self._loop = asyncio.get_running_loop()

        self._slot = Slot(Limits(profile.load_timeout_s, profile.stall_timeout_s, profile.stop_grace_s))
        self._blank = blank
        self._since = blank.since
        self._case = Case(profile.name, paths.incidents_dir)
        self._recovery: Recovery | None = None
        self._stop_asked = asyncio.Event()

        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._engine = Engine(tell=self._inbox.put_nowait, hear=self._hear)
        self._echo = Echo(sys.stdout.fileno())
        now = self._loop.time()
        self._load = LoadWatch(profile, paths.loads_file, simulated=command.simulated, now=now)
        patience_s = profile.stall_timeout_s + _SYSTEMD_SLACK_S
        self._publication = Publication(paths.state_file, notifier, patience_s=patience_s)
        expected = Expected(profile.served_model_name, profile.max_model_len, profile.runner == "pooling")
        self._ladder = Ladder(blank.engine_url, expected, token_timeout_s=profile.stall_timeout_s, see=self._see)
        self._notebook = Notebook(speculates=profile.get("SERVE_SPECULATIVE_CONFIG") is not None)
        self._watcher = Watcher(
            blank.engine_url,
            allowance_s=allowance_s(profile),
            ask=lambda session: Probe(session, blank.engine_url, expected, token_timeout_s=None).generate(),
            tell=self._tell_of_a_wedge,
        )
        self._evidence: asyncio.Task[None] | None = None

    async def live(self) -> int:
        """From the empty slot to the end of its engine, and to the cards' answers; returns the exit code."""
        try:
            with stop_signals.heard(self._on_stop_signal):
                self._take(LoadAsked(self._loop.time()))
                while not self._slot.is_over:
                    self._take(await self._next_event())
                if self._care is not None and self._case.awaits_cards:
                    await self._ask_the_cards(self._care)
        finally:
            self._forget_evidence()
            await self._watcher.stop()
            await self._ladder.stop()
            await self._engine.close()
            self._echo.close()
        return self._case.exit_code

    async def _ask_the_cards(self, care: Care) -> None:
        decision = await aftercare.live(
            care, show=self._show_recovery, allow=self._notifier.allow, stop_asked=self._stop_asked
        )
        self._case.close(decision)
        self._publish()

    def _show_recovery(self, recovery: Recovery) -> None:
        self._recovery = recovery
        self._publish()

    async def _next_event(self) -> Event:
        try:
            async with asyncio.timeout_at(min(self._slot.next_limit, self._publication.due_at)):
                return await self._inbox.get()
        except TimeoutError:
            return Ticked(self._loop.time())

    def _take(self, event: Event) -> None:
        """One event: the slot's new state, shown to others before anything is done about it."""
        logger.debug("%s while %s", event, self._slot.lifecycle)
        before = self._slot
        self._slot, actions = step(before, event)
        if self._slot.trouble is not None and before.trouble is None:
            phase = self._load.phase if before.lifecycle is Lifecycle.LOADING else None
            self._case.open(self._slot.trouble, self._load.evidence(), phase)
        if self._slot.lifecycle is not before.lifecycle:
            self._note_change(before.lifecycle)
        self._publish()
        for action in actions:
            logger.debug("%s", action)
            self._do(action)
        if self._slot.readiness is Readiness.PROCESS:
            self._ladder.start()

    def _note_change(self, before: Lifecycle) -> None:
        at = time.time()
        logger.info("%s: %s -> %s, %.1f s", self._profile.name, before, self._slot.lifecycle, at - self._since)
        self._since = at
        if self._slot.lifecycle is Lifecycle.SERVING:
            self._load.finish(self._loop.time())
        elif self._slot.lifecycle is not Lifecycle.DEGRADED:
            # whoever is degraded has its evidence taken first; if that took too long, this is what there is
            self._forget_evidence()
            self._case.keep(self._snapshot(self._loop.time()), self._load.evidence())
        if before is Lifecycle.SERVING:
            self._watcher.cease()

    def _do(self, action: Action) -> None:
        match action:
            case StartEngine():
                self._start_engine()
            case TakeEvidence():
                self._notifier.allow(EVIDENCE_S + self._stop_patience_s)
                self._evidence = self._loop.create_task(self._take_evidence(), name="evidence")
            case TerminateEngine():
                self._engine.terminate()
            case KillEngine():
                logger.warning("%s: killing what is left of the engine", self._profile.name)
                self._engine.kill()
            case AnnounceReady():
                self._notifier.ready()
                self._watcher.start()
            case AnnounceStopping():
                self._announce_stopping()
            case Finish():
                logger.info("%s: no process of the engine is left", self._profile.name)
            case _:
                raise RuntimeError(f"unexpected action: {action}")

    def _announce_stopping(self) -> None:
        """Whom systemd takes to be stopping already it signals no more: a stop that is asked for while the cards are
        left alone would have to wait for them. So it is told nothing before they have answered."""
        if self._care is not None and self._case.awaits_cards:
            self._notifier.allow(self._stop_patience_s)
        else:
            self._notifier.stopping(self._stop_patience_s)

    def _start_engine(self) -> None:
        words, grace_s = self._command.words, self._profile.stop_grace_s
        environment = {name: argument.text for name, argument in self._command.environment.items()}
        keeper_pid = self._engine.start(words, environment, grace_s=grace_s, lock_fd=self._lock.fd)
        self._lock.name_holders(os.getpid(), keeper_pid)

    @property
    def _stop_patience_s(self) -> float:
        return self._profile.stop_grace_s + ORPHAN_GRACE_S + _SYSTEMD_SLACK_S

    async def _take_evidence(self) -> None:
        """What can be seen of an engine that lives and does nothing."""
        py_spy = stacks.find_py_spy(str(self._command.program))
        dumped = await stacks.dump(self._engine.pids(), py_spy=py_spy)
        now = self._loop.time()
        metrics = self._watcher.last_metrics
        self._case.keep(self._snapshot(now), self._load.evidence(), stacks=dumped, metrics=metrics)
        self._inbox.put_nowait(EvidenceTaken(now))

    def _forget_evidence(self) -> None:
        if self._evidence is not None:
            self._evidence.cancel()

    def _tell_of_a_wedge(self, found: Declare) -> None:
        self._inbox.put_nowait(StoodStill(round(found.still_s, 1), found.in_hand, self._loop.time()))

    def _hear(self, all_lines: Sequence[Line]) -> None:
        now = self._loop.time()
        lines = [line for line in all_lines if not scrape.is_told_of(line.text)]
        self._echo.write(lines, now)
        self._load.keep(lines)
        self._note([line.text for line in lines])
        if self._slot.lifecycle is not Lifecycle.LOADING:
            return
        if self._load.learn(lines, now):
            self._publication.note_advance()
            self._inbox.put_nowait(LogAdvanced(now))
        if self._load.phase is LoadPhase.API:
            self._ladder.hurry()

    def _note(self, lines: Sequence[str]) -> None:
        for notice in self._notebook.hear(lines, time.time()):
            logger.warning("%s: %s: %s", self._profile.name, notice.name, notice.words)
            if notice.kind == Kind.QUALITY:
                self._case.keep_alarm(notice, self._snapshot(self._loop.time()), self._load.evidence())
            self._publish()

    def _see(self, sight: Sight) -> None:
        now = self._loop.time()
        self._load.see(sight)
        self._inbox.put_nowait(Climbed(sight.rung, now))
        if sight.misfit:
            self._inbox.put_nowait(Misserved(sight.misfit.key, sight.misfit.found, sight.misfit.expected, now))

    def _publish(self) -> None:
        now = self._loop.time()
        self._publication.offer(self._snapshot(now), now)

    def _snapshot(self, now: float) -> SlotState:
        is_loading = self._slot.lifecycle is Lifecycle.LOADING
        has_load = is_loading or self._slot.lifecycle is Lifecycle.SERVING
        estimate = self._load.estimate(now)
        return msgspec.structs.replace(
            self._blank,
            state=self._shown_lifecycle,
            since=self._since,
            updated_at=time.time(),
            phase=self._load.phase if has_load else None,
            progress=round(estimate.progress, 3) if has_load else None,
            eta_s=round(estimate.eta_s, 1) if is_loading and estimate.eta_s is not None else None,
            readiness=self._slot.readiness,
            engine_pid=self._engine.pid,
            engine=self._load.facts,
            failure=self._case.failure,
            recovery=self._recovery,
            pulse=self._watcher.sight if self._slot.lifecycle in (Lifecycle.SERVING, Lifecycle.DEGRADED) else None,
            warnings=self._notebook.notices,
        )

    @property
    def _shown_lifecycle(self) -> Lifecycle:
        """FAILED is a last word (`state.FINAL`), and nobody has it before the cards have answered."""
        if self._slot.lifecycle is Lifecycle.FAILED and self._care is not None and self._case.awaits_cards:
            return Lifecycle.DEGRADED
        return self._slot.lifecycle

    def _on_stop_signal(self, number: signal.Signals) -> None:
        logger.info("%s: asked to stop by %s", self._profile.name, number.name)
        self._stop_asked.set()
        if self._slot.trouble is not None:  # it may not have said so before
            self._notifier.allow(self._stop_patience_s)
        self._inbox.put_nowait(StopAsked(self._loop.time()))
