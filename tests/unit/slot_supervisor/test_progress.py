"""How far a load is: history first, then what was measured, then typical shares; and it never goes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.profiles.profile import Measured
from slot.state import LoadPhase
from slot.supervisor import progress
from slot.supervisor.progress import Durations, Estimate, Load, LoadRecord

# 100 s in all, so that seconds are percent.
EXPECTED: Durations = {
    LoadPhase.STARTING: 20.0,
    LoadPhase.WEIGHTS: 50.0,
    LoadPhase.COMPILE: 0.0,
    LoadPhase.KV_CACHE: 5.0,
    LoadPhase.GRAPH_CAPTURE: 0.0,
    LoadPhase.WARMUP: 15.0,
    LoadPhase.API: 10.0,
}


def in_phase(phase: LoadPhase, within: float = 0.0) -> Load:
    return Load(began_at=0.0, phase_began_at=100.0, phase=phase, within=within)


@pytest.mark.parametrize(
    ("load", "elapsed", "estimate"),
    [
        (in_phase(LoadPhase.STARTING), 0.0, Estimate(0.0, 100.0)),
        (in_phase(LoadPhase.STARTING), 10.0, Estimate(0.10, 90.0)),
        (in_phase(LoadPhase.STARTING), 20.0, Estimate(0.19, 82.0)),  # overtime: a tenth more of what it took
        (in_phase(LoadPhase.STARTING), 200.0, Estimate(0.19, 100.0)),
        (in_phase(LoadPhase.WEIGHTS, within=0.5), 10.0, Estimate(0.45, 40.0)),  # the log's pace beats history
        (in_phase(LoadPhase.WEIGHTS), 25.0, Estimate(0.45, 55.0)),
        (in_phase(LoadPhase.WEIGHTS, within=1.0), 50.0, Estimate(0.70, 30.0)),
        (in_phase(LoadPhase.COMPILE), 7.0, Estimate(0.70, 30.7)),  # a phase that history does not know
        (in_phase(LoadPhase.API), 5.0, Estimate(0.95, 5.0)),
        (in_phase(LoadPhase.API, within=1.0), 5.0, Estimate(0.99, 0.0)),
        (in_phase(LoadPhase.READY), 0.0, Estimate(1.0, 0.0)),
    ],
)
def test_with_history(load: Load, elapsed: float, estimate: Estimate) -> None:
    found = progress.estimate(load, EXPECTED, 100.0 + elapsed)
    assert found.progress == pytest.approx(estimate.progress)
    assert found.eta_s == pytest.approx(estimate.eta_s)


@pytest.mark.parametrize(
    ("load", "elapsed", "shown"),
    [
        (in_phase(LoadPhase.STARTING), 0.0, 0.0),
        (in_phase(LoadPhase.STARTING), 30.0, 0.075),
        (in_phase(LoadPhase.WEIGHTS, within=0.5), 0.0, 0.35),
        (in_phase(LoadPhase.API, within=1.0), 0.0, 0.99),
        (in_phase(LoadPhase.READY), 0.0, 1.0),
    ],
)
def test_without_history_there_is_progress_and_no_eta(load: Load, elapsed: float, shown: float) -> None:
    found = progress.estimate(load, None, 100.0 + elapsed)
    assert found.progress == pytest.approx(shown)
    assert found.eta_s == (0.0 if load.phase is LoadPhase.READY else None)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([phase for phase in LoadPhase if phase is not LoadPhase.READY]),
            st.none() | st.floats(0.0, 1.0),
            st.floats(0.0, 50.0),
        ),
        max_size=30,
    ),
    st.sampled_from([EXPECTED, None]),
)
def test_progress_never_goes_back_and_is_never_done_before_it_is(
    news: list[tuple[LoadPhase, float | None, float]], expected: Durations | None
) -> None:
    at, shown, load = 0.0, 0.0, progress.begin(0.0)
    for phase, within, pause in news:
        at += pause
        load = progress.advance(load, phase, within, at)
        estimate = progress.estimate(load, expected, at, at_least=shown)
        assert shown <= estimate.progress < 1.0
        assert estimate.eta_s is None or estimate.eta_s >= 0.0
        shown = estimate.progress


def test_news_of_an_earlier_phase_come_from_a_slower_worker() -> None:
    load = progress.advance(progress.begin(0.0), LoadPhase.COMPILE, None, 5.0)
    assert progress.advance(load, LoadPhase.WEIGHTS, 0.5, 6.0) == load


def test_within_a_phase_the_furthest_word_counts() -> None:
    load = progress.advance(progress.begin(0.0), LoadPhase.GRAPH_CAPTURE, 1.0, 5.0)
    assert progress.advance(load, LoadPhase.GRAPH_CAPTURE, 0.1, 6.0).within == 1.0  # the bar of a second capture


def test_a_record_has_each_phase_that_was_seen_and_sums_up() -> None:
    load = progress.begin(10.0)
    load = progress.advance(load, LoadPhase.WEIGHTS, None, 14.0)
    load = progress.advance(load, LoadPhase.API, None, 20.5)
    record = progress.record(load, profile="sim", sha256="abc", started_at=1e9, simulated=True, at=22.0)
    assert record == LoadRecord(
        profile="sim",
        sha256="abc",
        started_at=1e9,
        total_s=12.0,
        phases={"starting": 4.0, "weights": 6.5, "api": 1.5},
        simulated=True,
    )


def loaded(sha256: str, weights: float, *, profile: str = "gemma", simulated: bool = False) -> LoadRecord:
    phases = {"starting": 2.0, "weights": weights}
    total_s = sum(phases.values())
    return LoadRecord(
        profile=profile, sha256=sha256, started_at=0.0, total_s=total_s, phases=phases, simulated=simulated
    )  # fmt: skip


@pytest.mark.parametrize(
    ("loads", "weights_s"),
    [
        ([], None),
        ([loaded("new", 10)], 10.0),
        ([loaded("old", 10)], 10.0),  # an earlier version of the profile is better than nothing
        ([loaded("new", 10), loaded("old", 99)], 10.0),  # and worse than this very version
        ([loaded("new", 10, profile="other")], None),
        ([loaded("new", 10, simulated=True)], None),  # the simulator's loads say nothing of the real engine
        ([loaded("new", 10), loaded("new", 300), loaded("new", 12)], 12.0),  # one cold compile is forgiven
        ([loaded("new", 99), loaded("new", 99), loaded("new", 10), loaded("new", 11), loaded("new", 12)], 11.0),
    ],
)
def test_history_is_of_the_same_profile_newest_first(loads: list[LoadRecord], weights_s: float | None) -> None:
    found = progress.expected_from_history(loads, profile="gemma", sha256="new", simulated=False)
    assert (found[LoadPhase.WEIGHTS] if found else None) == weights_s


@pytest.mark.parametrize(
    ("measured", "total"),
    [
        ((None, 1.0, 1.0, 1.0), None),
        ((0.0, 1.0, 1.0, 1.0), None),
        ((19.05, 0.73, 4.12, 4.0), 19.05),
        ((19.05, None, None, None), 19.05),
        ((1.0, 5.0, 0.0, 0.0), 5.0),  # parts that are more than the whole are believed
    ],
)
def test_measured_figures_make_a_first_expectation(
    measured: tuple[float | None, float | None, float | None, float | None], total: float | None
) -> None:
    load_s, weights_s, compile_s, graph_capture_s = measured
    found = progress.expected_from_measured(
        Measured(load_s, weights_s, compile_s, graph_capture_s, None, None, None, {})
    )  # fmt: skip
    assert (sum(found.values()) if found else None) == (pytest.approx(total) if total else None)
