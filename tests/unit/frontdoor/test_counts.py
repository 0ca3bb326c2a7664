"""What is counted of a request, and that nobody can make series."""

from __future__ import annotations

import pytest
from calls import CHAT, call

from frontdoor.answers.json_text import Tokens
from frontdoor.record.call import Call, Outcome, Phase
from frontdoor.record.counts import HTTP_5XX, MAX_PROFILES, Counts, RouteCounts
from frontdoor.record.histogram import Histogram
from frontdoor.refusal import Reason, bad_request, internal_error, upstream_timeout


def counted(*calls: Call) -> Counts:
    counts = Counts()
    for one in calls:
        counts.count(one, "tiny")
    return counts


def stream(**facts: object) -> Call:
    """Five events, from 101.0 to 102.0."""
    one = call(status=200, stream=True, admitted=100.5, first_byte=100.75, first_token=101.0)
    for moment in (101.0, 101.25, 101.5, 101.75, 102.0):
        one.intervals.note(moment)
    for name, value in facts.items():
        setattr(one, name, value)
    return one


def sums(counts: RouteCounts) -> dict[str, tuple[int, float]]:
    """How many observations there are, and their sum."""
    histograms: dict[str, Histogram] = {name: getattr(counts, name) for name in RouteCounts.__slots__}
    return {name: (sum(h.counts), h.sum) for name, h in histograms.items() if any(h.counts)}


def test_a_stream_that_ended_well() -> None:
    counts = counted(stream(tokens=Tokens(11, 5, 8), pings=2))
    tiny = counts.profiles["tiny"]
    assert tiny.requests == {(CHAT, 200, Outcome.OK): 1}
    assert tiny.tokens == {"input": 11, "output": 5, "cached": 8}
    assert sums(tiny.routes[CHAT]) == {
        "queue_wait": (1, 0.5),
        "first_byte": (1, 0.75),
        "ttft": (1, 1.0),
        "intervals": (4, 1.0),
        "duration": (1, 3.0),
    }
    assert counts.pings == 2


def test_an_answer_that_is_no_stream_has_no_first_token() -> None:
    counts = counted(call(status=200, admitted=100.5, first_byte=102.5))
    assert set(sums(counts.profiles["tiny"].routes[CHAT])) == {"queue_wait", "first_byte", "duration"}


@pytest.mark.parametrize(
    ("refusal", "outcome", "where", "key"),
    [
        (bad_request("x"), Outcome.REFUSED, "rejected", Reason.BAD_REQUEST),
        (upstream_timeout(1), Outcome.ENGINE_FAILED, "upstream_errors", Reason.UPSTREAM_TIMEOUT),
        (internal_error(), Outcome.FAILED, None, None),
    ],
)
def test_what_went_wrong_is_counted_by_who_has_to_act(refusal, outcome, where, key) -> None:
    one = call(status=refusal.status)
    one.refused(refusal)
    counts = counted(one)
    assert counts.profiles["tiny"].requests == {(CHAT, refusal.status, outcome): 1}
    for table in ("rejected", "upstream_errors", "left"):
        assert {k: n for k, n in getattr(counts, table).items() if n} == ({key: 1} if table == where else {})


def test_an_engines_own_5xx_is_an_upstream_error_too() -> None:
    assert counted(call(status=500, outcome=Outcome.ENGINE_FAILED)).upstream_errors[HTTP_5XX] == 1


def test_every_reason_is_either_a_rejection_or_an_error_of_somebody_else() -> None:
    counts = Counts()
    for reason in Reason:
        assert (reason in counts.rejected) + (reason in counts.upstream_errors) == (reason is not Reason.INTERNAL_ERROR)


def test_a_refusal_has_no_duration() -> None:
    assert counted(call(status=503, outcome=Outcome.REFUSED, reason=Reason.AT_CAPACITY)).profiles["tiny"].routes == {}


def test_a_monitor_is_neither_load_nor_a_rejected_client() -> None:
    counts = counted(
        call("/health", "GET", status=503, outcome=Outcome.REFUSED, reason=Reason.LOADING),
        call("/metrics", "GET", status=200),
    )
    assert not any(counts.rejected.values())
    assert counts.profiles["tiny"].routes == {}
    assert sum(counts.profiles["tiny"].requests.values()) == 2


def test_a_client_that_left_before_any_answer() -> None:
    counts = counted(call(outcome=Outcome.CLIENT_LEFT, phase=Phase.QUEUED))
    assert counts.left == {"queued": 1, "upload": 0, "prefill": 0, "decode": 0}
    assert counts.profiles["tiny"].requests == {(CHAT, None, Outcome.CLIENT_LEFT): 1}


@pytest.mark.parametrize(("sent", "label"), [(b"1", "1"), (b"2", "2"), (b"3", "3+"), (b"9", "3+"), (b"0", None)])
def test_retries_are_a_small_closed_set(sent, label) -> None:
    retries = counted(call(retry=sent)).retries
    assert {key: count for key, count in retries.items() if count} == ({label: 1} if label else {})


def test_paths_of_clients_are_one_series() -> None:
    counts = counted(*[call(f"/made/up/{n}", status=404, outcome=Outcome.REFUSED) for n in range(20)])
    assert counts.profiles["tiny"].requests == {("other", 404, Outcome.REFUSED): 20}


def test_profiles_come_and_go_but_not_without_end() -> None:
    counts = Counts()
    for number in range(MAX_PROFILES + 3):
        counts.count(call(status=200), f"p{number}")
        counts.count(call(status=200), "often")
    assert len(counts.profiles) == MAX_PROFILES
    assert "p0" not in counts.profiles
    assert counts.profiles["often"].requests == {(CHAT, 200, Outcome.OK): MAX_PROFILES + 3}
