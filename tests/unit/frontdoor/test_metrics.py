"""The exposition: what `counts` and the gauges know, as Prometheus reads it."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from frontdoor.record.call import Outcome, Phase
from frontdoor.record.counts import HTTP_5XX, RETRIES, UPSTREAM_ERRORS, RouteCounts
from frontdoor.record.histogram import INTERVAL_S, Intervals
from frontdoor.record.metrics import HISTOGRAMS, Metrics, by, info, plain
from frontdoor.refusal import Reason

CHAT = {"profile": "tiny", "route": "/v1/chat/completions"}


def filled() -> Metrics:
    """One of each, counted by hand."""
    metrics = Metrics(
        lambda: [
            plain("frontdoor_active_generations", "Running.", 3),
            plain("frontdoor_connections_refused_total", "Refused.", 7),
            by("phase", "frontdoor_inflight_requests", "Open.", {Phase.DECODE: 2}),
            info("frontdoor_build_info", "Version.", version="1.0"),
        ]
    )
    tiny = metrics.counts.of("tiny")
    tiny.requests["/v1/chat/completions", None, Outcome.CLIENT_LEFT] = 4
    tiny.tokens["cached"] = 9
    return metrics


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return samples(metrics)[name, frozenset(labels.items())]


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("frontdoor_active_generations", {}, 3),
        ("frontdoor_connections_refused_total", {}, 7),
        ("frontdoor_inflight_requests", {"phase": "decode"}, 2),
        ("frontdoor_build_info", {"version": "1.0"}, 1),
        ("frontdoor_requests_total", {**CHAT, "status": "none", "outcome": "client_left"}, 4),
        ("frontdoor_tokens_total", {"profile": "tiny", "type": "cached"}, 9),
        ("frontdoor_stream_keepalives_total", {}, 0),
    ],
)
def test_what_is_known_is_told(name, labels, expected) -> None:
    assert value(filled(), name, **labels) == expected


def test_the_first_of_a_kind_is_an_increase_and_no_new_series() -> None:
    told = samples(Metrics(lambda: []))
    for name, label, keys in (
        ("frontdoor_rejected_total", "reason", [Reason.AT_CAPACITY, Reason.NOT_FOUND]),
        ("frontdoor_client_disconnects_total", "phase", Phase),
        ("frontdoor_upstream_errors_total", "kind", [*UPSTREAM_ERRORS, HTTP_5XX]),
        ("frontdoor_client_retries_total", "retry", RETRIES),
    ):
        assert [told[name, frozenset({(label, str(key))})] for key in keys] == [0] * len(keys)


def test_a_histogram_has_every_bucket_its_count_and_its_sum() -> None:
    metrics = filled()
    intervals = Intervals()
    for moment in (0.0, 0.03, 0.06, 200.06):
        intervals.note(moment)
    metrics.counts.of("tiny").routes["/v1/chat/completions"] = of_route = RouteCounts()
    of_route.intervals.add(intervals)
    told = {key: number for key, number in samples(metrics).items() if key[0].startswith("frontdoor_inter_token")}
    buckets = {dict(labels)["le"]: number for (name, labels), number in told.items() if name.endswith("_bucket")}
    assert list(buckets) == [*map(str, INTERVAL_S), "+Inf"]
    assert (buckets["0.025"], buckets["0.05"], buckets["80.0"], buckets["+Inf"]) == (0, 2, 2, 3)
    assert value(metrics, "frontdoor_inter_token_latency_seconds_count", **CHAT) == 3
    assert value(metrics, "frontdoor_inter_token_latency_seconds_sum", **CHAT) == pytest.approx(200.06)


def test_a_route_shows_only_what_was_observed_there() -> None:
    metrics = filled()
    metrics.counts.of("tiny").routes["/v1/embeddings"] = of_route = RouteCounts()
    of_route.duration.observe(1.0)
    assert {name for name, labels in samples(metrics) if ("route", "/v1/embeddings") in labels} == {
        f"frontdoor_request_duration_seconds_{part}" for part in ("bucket", "count", "sum")
    }


def test_the_process_is_told_of() -> None:
    told = samples(Metrics(lambda: []))
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"):
        assert told[name, frozenset()] > 0


def test_names_follow_the_rules_of_prometheus() -> None:
    text = filled().text().decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.M))
    assert set(kinds) == set(helps)
    for name, kind in kinds.items():
        assert name.startswith(("frontdoor_", "process_"))
        assert name.endswith("_total") == (kind == "counter")
        assert not name.endswith("_created")
        if kind == "histogram":
            assert name.endswith("_seconds")
    assert {times.name for times in HISTOGRAMS} <= set(kinds)
