"""What is counted of a request, and that nobody can make series."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from multidict import CIMultiDict

from frontdoor.call import Call, Outcome, Phase
from frontdoor.metrics import Metrics
from frontdoor.refusal import Reason, bad_request, internal_error, upstream_timeout
from frontdoor.routes import Route, find
from frontdoor.sse import Tokens


@dataclass
class Request:
    """As much of a request as an event tells of it."""

    method: str = "POST"
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict)


def call(path: str = "/v1/chat/completions", **facts: object) -> Call:
    found = find("POST", path)
    made = Call(
        request=Request(),  # type: ignore[arg-type]
        request_id="r1",
        path=path,
        query="",
        client="10.0.0.7",
        started=100.0,
        task=None,  # type: ignore[arg-type]
        route=found if isinstance(found, Route) else None,
        ended=103.0,
    )
    for name, value in facts.items():
        setattr(made, name, value)
    return made


def samples(*calls: Call) -> dict[str, float]:
    metrics = Metrics(lambda: [])
    for one in calls:
        metrics.count(one, "tiny")
    lines = (line for line in metrics.text().decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


CHAT = 'profile="tiny",route="/v1/chat/completions"'


def test_a_stream_that_ended_well() -> None:
    one = call(status=200, admitted=100.5, first_byte=101.0, first_event=101.0, last_event=102.0, events=5)
    one.tokens = Tokens(11, 5, 8)
    told = samples(one)
    assert told[f'frontdoor_requests_total{{outcome="ok",{CHAT},status="200"}}'] == 1
    assert told[f"frontdoor_queue_wait_seconds_sum{{{CHAT}}}"] == 0.5
    assert told[f"frontdoor_time_to_first_token_seconds_sum{{{CHAT}}}"] == 1.0
    assert told[f"frontdoor_inter_token_latency_seconds_sum{{{CHAT}}}"] == 0.25
    assert told[f"frontdoor_request_duration_seconds_sum{{{CHAT}}}"] == 3.0
    assert [told[f'frontdoor_tokens_total{{profile="tiny",type="{t}"}}'] for t in ("input", "output", "cached")] == [
        11,
        5,
        8,
    ]


def test_one_event_has_no_interval() -> None:
    told = samples(call(first_event=101.0, last_event=101.0, events=1))
    assert not [name for name in told if name.startswith("frontdoor_inter_token")]


@pytest.mark.parametrize(
    ("refusal", "outcome", "counter"),
    [
        (bad_request("x"), Outcome.REFUSED, 'frontdoor_rejected_total{reason="bad_request"}'),
        (upstream_timeout(1), Outcome.ENGINE_FAILED, 'frontdoor_upstream_errors_total{kind="upstream_timeout"}'),
        (internal_error(), Outcome.FAILED, None),
    ],
)
def test_a_refusal_is_counted_by_who_has_to_act(refusal, outcome, counter) -> None:
    one = call(status=refusal.status)
    one.refused(refusal)
    assert one.outcome is outcome
    told = samples(one)
    assert told[f'frontdoor_requests_total{{outcome="{outcome}",{CHAT},status="{refusal.status}"}}'] == 1
    counted = [name for name in told if name.startswith(("frontdoor_rejected", "frontdoor_upstream_errors"))]
    assert counted == ([counter] if counter else [])


def test_a_monitor_that_asks_a_closed_door_is_not_a_rejected_request() -> None:
    one = call(status=503, route=find("GET", "/health"), outcome=Outcome.REFUSED, reason=Reason.LOADING)
    assert not [name for name in samples(one) if name.startswith("frontdoor_rejected")]


def test_a_client_that_left_before_any_answer() -> None:
    told = samples(call(outcome=Outcome.CLIENT_LEFT, phase=Phase.QUEUED))
    assert told['frontdoor_client_disconnects_total{phase="queued"}'] == 1
    assert told[f'frontdoor_requests_total{{outcome="client_left",{CHAT},status="none"}}'] == 1


def test_paths_of_clients_are_one_series() -> None:
    told = samples(*[call(f"/made/up/{number}", status=404, outcome=Outcome.REFUSED) for number in range(20)])
    assert [name for name in told if name.startswith("frontdoor_requests_total")] == [
        'frontdoor_requests_total{outcome="refused",profile="tiny",route="other",status="404"}'
    ]


def test_names_follow_the_rules_of_prometheus() -> None:
    text = Metrics(lambda: [("frontdoor_up", "One.", (), [((), 1.0)])]).text().decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.M))
    assert set(kinds) == set(helps)
    assert "frontdoor_up" in kinds
    for name, kind in kinds.items():
        assert name.startswith("frontdoor_")
        assert name.endswith("_total") == (kind == "counter")
        assert not name.endswith("_created")
        if kind == "histogram":
            assert name.endswith("_seconds")


def test_the_event_of_a_request_leaves_out_what_is_unknown() -> None:
    one = call(status=200, route=None)
    one.request.headers["x-stainless-retry-count"] = "2"
    assert one.event() == {
        "request_id": "r1",
        "client": "10.0.0.7",
        "method": "POST",
        "path": "/v1/chat/completions",
        "status": 200,
        "outcome": "ok",
        "duration_s": 3.0,
        "retry": 2,
    }


@pytest.mark.parametrize("count", ["0", "", "10", "-1", "x" * 99])
def test_only_a_small_number_is_believed_to_be_a_retry(count) -> None:
    one = call()
    one.request.headers["x-stainless-retry-count"] = count
    assert "retry" not in one.event()
