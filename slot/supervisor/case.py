"""The trouble of a slot, from its diagnosis to the exit code: what it means, what is kept of it, and what follows.

Decides the exit code where the cards need no asking; where they do, `aftercare` has the last word.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from slot.exit_codes import ExitCode
from slot.failures import incident
from slot.failures.diagnosis import diagnose
from slot.failures.incident import Evidence
from slot.failures.restart_words import told
from slot.failures.signature import Kind
from slot.failures.trouble import Trouble
from slot.state import Failure, LoadPhase, Notice, SlotState
from slot.supervisor.aftercare import Decision

logger = logging.getLogger(__name__)

# Whoever restarts units must not restart these: the same profile fails the same way, and a lost card gets worse.
_EXIT_CODES = {Kind.CONFIGURATION: ExitCode.CONFIG, Kind.DEVICE: ExitCode.DEVICE}


class Case:
    """One slot's; opened at most once. `failure` is for the snapshot, None while all is well."""

    def __init__(self, profile: str, incidents_dir: Path) -> None:
        self._profile = profile
        self._incidents_dir = incidents_dir
        self._kind: Kind | None = None
        self._decision: Decision | None = None
        self.failure: Failure | None = None

    def open(self, trouble: Trouble, lines: Sequence[str], phase: LoadPhase | None) -> None:
        """`lines` are the engine's last ones; `phase` is where its load was, None when it had been serving."""
        diagnosis = diagnose(trouble, lines, phase, time.time())
        self._kind, self.failure = diagnosis.kind, diagnosis.failure
        logger.error("%s: %s", self._profile, told(self.failure))

    def keep(self, state: SlotState, lines: Sequence[str], *, stacks: str = "", metrics: bytes = b"") -> None:
        """Writes the incident, once. A disk that does not take it is a warning: the slot has other troubles."""
        if self.failure is None or self.failure.incident is not None:
            return
        evidence = Evidence(
            name=self.failure.name or "unknown",
            failure=self.failure,
            state=state,
            engine_lines=lines,
            stacks=stacks,
            metrics=metrics.decode(errors="replace"),
        )
        if (place := self._written(evidence)) is not None:
            self.failure = msgspec.structs.replace(self.failure, incident=str(place))

    def keep_alarm(self, notice: Notice, state: SlotState, lines: Sequence[str]) -> None:
        """An engine that serves nonsense goes on: that is for a person to decide, who finds this."""
        self._written(Evidence(name=notice.name, state=state, engine_lines=lines))

    def close(self, decision: Decision) -> None:
        """What the cards answered, and what is to be done next."""
        self._decision = decision
        if self.failure is not None:
            self.failure = msgspec.structs.replace(
                self.failure,
                next_step=decision.next_step,
                restart_can_help=decision.exit_code is ExitCode.FAILED,
            )

    @property
    def awaits_cards(self) -> bool:
        """Whether the cards must be asked before anybody may say how it goes on."""
        return self._kind is Kind.DEVICE and self._decision is None

    @property
    def exit_code(self) -> ExitCode:
        if self._kind is None:
            return ExitCode.OK
        if self._decision is not None:
            return self._decision.exit_code
        return _EXIT_CODES.get(self._kind, ExitCode.FAILED)

    def _written(self, evidence: Evidence) -> Path | None:
        try:
            place = incident.write(self._incidents_dir, evidence, time.time())
        except OSError as exc:
            logger.warning("%s: cannot keep what was found: %s", self._profile, exc)
            return None
        logger.info("%s: what was found is kept in %s", self._profile, place)
        return place
