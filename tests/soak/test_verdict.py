"""The verdict of a soak: each row fails by its own fault alone, and memory is judged by its line, not by its peaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from soak.verdict import MIB, Sample, Seen, growth, judge, slope, table

CAP = 8


def sample(at_s: float = 0.0, rss_mib: float = 50.0, **different: int) -> Sample:
    usual = {"open_files": 20, "active": CAP, "waiting": 0, "connections": 30, "requests": CAP} | different
    return Sample(at_s=at_s, rss_bytes=int(rss_mib * MIB), **usual)


def memory(*rss_mib: float) -> list[Sample]:
    return [sample(float(second), mib) for second, mib in enumerate(rss_mib)]


QUIET = sample(active=0, connections=1, requests=0, open_files=10)
GOOD = Seen(
    cap=CAP,
    before=QUIET,
    samples=memory(*[50.0] * 30),
    after=QUIET,
    treated={"served": 10, "left": 3},
    complaints=[],
    log=[],
    engine_running=0,
    exit_code=0,
)


def failed(seen: Seen) -> list[str]:
    return [row.what for row in judge(seen) if not row.is_fine]


def test_a_good_run_is_good() -> None:
    assert failed(GOOD) == []


@pytest.mark.parametrize(
    ("what", "seen"),
    [
        ("memory growth after warm-up", replace(GOOD, samples=memory(*(50 + second for second in range(30))))),
        ("most generations at once", replace(GOOD, samples=[*GOOD.samples, sample(30.0, active=CAP + 1)])),
        ("time at the cap", replace(GOOD, samples=[replace(each, active=1) for each in GOOD.samples])),
        ("places taken or waited for in the end", replace(GOOD, after=replace(QUIET, active=1))),
        ("places taken or waited for in the end", replace(GOOD, after=replace(QUIET, waiting=1))),
        ("requests open in the end", replace(GOOD, after=replace(QUIET, requests=1))),
        ("connections open in the end", replace(GOOD, after=replace(QUIET, connections=2))),
        ("file descriptors more than before", replace(GOOD, after=replace(QUIET, open_files=11))),
        ("generations that the engine still runs", replace(GOOD, engine_running=1)),
        ("guests treated wrongly", replace(GOOD, complaints=["patient: Complaint"])),
        ("errors in its log", replace(GOOD, log=["ERROR"])),
        ("guests served to the end", replace(GOOD, treated={"left": 3})),
        ("exit code", replace(GOOD, exit_code=1)),
    ],
)
def test_each_fault_fails_its_own_row(what: str, seen: Seen) -> None:
    assert failed(seen) == [what]
    assert f"| {what} |" in table(judge(seen))
    assert "**FAILED**" in table(judge(seen))


def test_fewer_files_than_before_are_no_leak() -> None:
    assert failed(replace(GOOD, after=replace(QUIET, open_files=5))) == []


def test_what_is_taken_while_warming_up_does_not_count() -> None:
    assert growth(memory(*range(10), *[50.0] * 20)) == 0
    assert growth(memory(*[50.0] * 30)) == 0


def test_a_leak_is_told_by_its_rate() -> None:
    leak = memory(*(50 + second / 10 for second in range(60)))
    assert slope(leak) == pytest.approx(MIB / 10)
    assert growth(leak) == pytest.approx(3.9)


def test_one_peak_makes_no_leak() -> None:
    flat = [50.0] * 60
    flat[40] = 70.0
    assert abs(growth(memory(*flat))) < 1


def test_one_sample_has_no_slope() -> None:
    assert slope([sample()]) == 0
