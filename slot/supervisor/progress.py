"""How far a load is and when it will be done, from what earlier loads of the same profile took.

    expected   seconds per phase: from this profile's own history, else from its measured figures, else unknown
    progress   the expected seconds of the phases behind us, plus our share of the phase we are in, over all of them
    eta        what is left of this phase, plus the expected seconds of the phases to come

Where nothing is expected, progress follows typical shares and there is no eta: better none than an invented one.
Progress never goes back, even when a phase that seemed to be over is heard of again (a slower worker, a draft model).

The history is one JSON line per load that ended with a generated token (`slot.json_lines`). It serves ETAs and nothing
else: losing it costs nothing. Times are seconds; a phase begins when the log first speaks of it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import msgspec

from slot.profiles.profile import Measured
from slot.state import LoadPhase

Durations: TypeAlias = Mapping[LoadPhase, float]

HISTORY_DEPTH = 3
"""How many of the newest loads count: enough to forgive one cold compile, few enough to follow a change of disk."""

_ORDER = tuple(LoadPhase)
_MOST_BEFORE_DONE = 0.99
_MOST_OF_A_PHASE_BY_TIME = 0.95

# Shares of a load that nobody has measured: the order of magnitude of a GPU start from page cache.
_TYPICAL: Durations = {
    LoadPhase.STARTING: 0.15,
    LoadPhase.WEIGHTS: 0.40,
    LoadPhase.COMPILE: 0.20,
    LoadPhase.KV_CACHE: 0.03,
    LoadPhase.GRAPH_CAPTURE: 0.12,
    LoadPhase.WARMUP: 0.05,
    LoadPhase.API: 0.05,
}
# A phase of unknown length is thought half done after this long.
_HALF_DONE_S = 30.0

# How the time outside the phases that a profile has measured is spread: process start and imports weigh most.
_UNMEASURED: Durations = {
    LoadPhase.STARTING: 0.60,
    LoadPhase.KV_CACHE: 0.10,
    LoadPhase.WARMUP: 0.20,
    LoadPhase.API: 0.10,
}


class LoadRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `loads.jsonl`. `started_at` is seconds since the epoch; `phases` is LoadPhase -> seconds."""

    profile: str
    sha256: str
    started_at: float
    total_s: float
    phases: dict[str, float]
    simulated: bool = False


@dataclass(frozen=True)
class Load:
    """A load under way. `within` is what the log said of the phase, 0..1; `spent` are the phases behind us."""

    began_at: float
    phase_began_at: float
    phase: LoadPhase = LoadPhase.STARTING
    within: float = 0.0
    spent: Durations = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """`progress` is 0..1; `eta_s` None where nobody knows."""

    progress: float
    eta_s: float | None


def begin(at: float) -> Load:
    return Load(began_at=at, phase_began_at=at)


def advance(load: Load, phase: LoadPhase, within: float | None, at: float) -> Load:
    """The load after news of `phase`; news of an earlier phase come from a slower worker and change nothing."""
    if _ORDER.index(phase) < _ORDER.index(load.phase):
        return load
    if phase is load.phase:
        return replace(load, within=max(load.within, within or 0.0))
    spent = {**load.spent, load.phase: at - load.phase_began_at}
    return replace(load, phase=phase, phase_began_at=at, within=within or 0.0, spent=spent)


def estimate(load: Load, expected: Durations | None, at: float, *, at_least: float = 0.0) -> Estimate:
    """Where the load is at `at`. `at_least` is the progress shown before: less is never shown."""
    if load.phase is LoadPhase.READY:
        return Estimate(1.0, 0.0)
    shares = expected or _TYPICAL
    position = _ORDER.index(load.phase)
    behind = sum(shares.get(phase, 0.0) for phase in _ORDER[:position])
    here = shares.get(load.phase, 0.0)
    ahead = sum(shares.get(phase, 0.0) for phase in _ORDER[position + 1 :])
    elapsed = at - load.phase_began_at
    share_done = _share_of_phase(load.within, elapsed, here if expected else None)
    progress = (behind + here * share_done) / ((behind + here + ahead) or 1.0)
    shown = max(at_least, min(progress, _MOST_BEFORE_DONE))
    return Estimate(shown, _rest_of_phase_s(load.within, elapsed, here) + ahead if expected else None)


def record(load: Load, *, profile: str, sha256: str, started_at: float, simulated: bool, at: float) -> LoadRecord:
    """The line for the history, when `load` has just become ready."""
    done = advance(load, LoadPhase.READY, None, at)
    return LoadRecord(
        profile=profile,
        sha256=sha256,
        started_at=round(started_at, 3),
        total_s=round(at - load.began_at, 3),
        phases={phase.value: round(seconds, 3) for phase, seconds in done.spent.items()},
        simulated=simulated,
    )


def expected_from_history(
    loads: Iterable[LoadRecord], *, profile: str, sha256: str, simulated: bool
) -> Durations | None:
    """The median seconds per phase of the newest `loads` of this very profile, else of an earlier version of it."""
    of_profile = [each for each in loads if each.profile == profile and each.simulated == simulated]
    chosen = [each for each in of_profile if each.sha256 == sha256] or of_profile
    newest = chosen[-HISTORY_DEPTH:]
    if not newest:
        return None
    return {phase: statistics.median(each.phases.get(phase, 0.0) for each in newest) for phase in _TYPICAL}


def expected_from_measured(measured: Measured) -> Durations | None:
    """The seconds per phase of a profile that says how long its whole load takes; None where it does not."""
    if not measured.load_s:
        return None
    known = {
        LoadPhase.WEIGHTS: measured.weights_s or 0.0,
        LoadPhase.COMPILE: measured.compile_s or 0.0,
        LoadPhase.GRAPH_CAPTURE: measured.graph_capture_s or 0.0,
    }
    rest = max(0.0, measured.load_s - sum(known.values()))
    return known | {phase: rest * share for phase, share in _UNMEASURED.items()}


def _share_of_phase(within: float, elapsed: float, expected_s: float | None) -> float:
    if expected_s is None:
        by_time = elapsed / (elapsed + _HALF_DONE_S)
    else:
        by_time = elapsed / expected_s if expected_s > 0 else 0.0
    return max(within, min(by_time, _MOST_OF_A_PHASE_BY_TIME))


def _rest_of_phase_s(within: float, elapsed: float, expected_s: float) -> float:
    """1. The log says how far: at this pace. 2. It does not: as expected; in overtime a tenth of what it took."""
    if within > 0.05:
        return elapsed * (1.0 - within) / within
    return max(expected_s - elapsed, 0.1 * elapsed)
