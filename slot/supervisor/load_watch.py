"""All that is known of a load under way: the engine's words, what the probes saw, what earlier loads took.

The decisions are `startup_log`'s and `progress`'s; here they are kept together, with the file of the history.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from slot import json_lines
from slot.profiles.profile import Profile
from slot.state import EngineFacts, LoadPhase, Readiness
from slot.supervisor import progress, startup_log
from slot.supervisor.output_lines import Line
from slot.supervisor.probe import Sight
from slot.supervisor.progress import Durations, Estimate, LoadRecord

logger = logging.getLogger(__name__)

LINES_KEPT = 1000
"""How much of the engine's log a diagnosis sees: a traceback of each worker, the engine core and the API server."""


class LoadWatch:
    """One load. Times are seconds of the loop's clock, except where they go into the history."""

    def __init__(self, profile: Profile, loads_file: Path, *, simulated: bool, now: float) -> None:
        self._profile = profile
        self._loads_file = loads_file
        self._simulated = simulated
        self._started_at = time.time()
        self._load = progress.begin(now)
        self._expected = self._expectation()
        self._shown = 0.0
        self._last_lines: deque[str] = deque(maxlen=LINES_KEPT)
        # Why the last probe got no higher once somebody answered: the best hint there is when patience runs out.
        self._obstacle: str | None = None
        self.facts = EngineFacts()

    @property
    def phase(self) -> LoadPhase:
        return self._load.phase

    def keep(self, lines: Sequence[Line]) -> None:
        """The engine's words, for a diagnosis."""
        self._last_lines.extend(line.text for line in lines)

    def learn(self, lines: Sequence[Line], now: float) -> bool:
        """What the words tell of the load; whether they show that it gets on."""
        for news in filter(None, (startup_log.read(line.text) for line in lines)):
            self._load = progress.advance(self._load, news.phase, news.within, now)
            self.facts = startup_log.merge(self.facts, news.facts)
        return any(startup_log.shows_advance(line.text) for line in lines)

    def see(self, sight: Sight) -> None:
        self._obstacle = None if sight.rung is Readiness.PROCESS else sight.obstacle
        self.facts = startup_log.merge(self.facts, EngineFacts(max_model_len=sight.max_model_len))

    def evidence(self) -> list[str]:
        """The last lines, oldest first, and the last probe's words."""
        return [*self._last_lines, *([f"the last probe: {self._obstacle}"] if self._obstacle else [])]

    def estimate(self, now: float) -> Estimate:
        found = progress.estimate(self._load, self._expected, now, at_least=self._shown)
        self._shown = found.progress
        return found

    def finish(self, now: float) -> None:
        """The first token was generated: the load is done and becomes history."""
        line = progress.record(
            self._load,
            profile=self._profile.name,
            sha256=self._profile.sha256,
            started_at=self._started_at,
            simulated=self._simulated,
            at=now,
        )
        self._load = progress.advance(self._load, LoadPhase.READY, None, now)
        try:
            json_lines.append(self._loads_file, line)
        except OSError as exc:
            logger.warning("cannot write %s, so the next eta is a guess: %s", self._loads_file, exc)

    def _expectation(self) -> Durations | None:
        return progress.expected_from_history(
            self._history(), profile=self._profile.name, sha256=self._profile.sha256, simulated=self._simulated
        ) or progress.expected_from_measured(self._profile.measured)

    def _history(self) -> list[LoadRecord]:
        try:
            return json_lines.tail(self._loads_file, LoadRecord)
        except OSError as exc:
            logger.warning("cannot read %s, so there is no eta from it: %s", self._loads_file, exc)
            return []
