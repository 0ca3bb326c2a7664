"""What Prometheus may know, under which names. Names are the frontdoor's own, units are in the names, label sets are
closed (`counts` has the reasons).

What has ended is counted by `counts`; what can be read when somebody asks is read then. prometheus_client writes the
text, 5 us for a line of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from frontdoor.record.counts import Counts, RouteCounts
from frontdoor.record.histogram import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Value = TypeVar("Value", bound=str)


class Reading(NamedTuple):
    """One metric that is no histogram; a name that ends in `_total` is a counter's, any other a gauge's.

    `values` has the label values and the number of each series.
    """

    name: str
    documentation: str
    labels: tuple[str, ...]
    values: Sequence[tuple[tuple[str, ...], float]]


def plain(name: str, documentation: str, value: float) -> Reading:
    return Reading(name, documentation, (), [((), float(value))])


def by(label: str, name: str, documentation: str, values: Mapping[Value, float]) -> Reading:
    """One series for each value of a label."""
    return Reading(name, documentation, (label,), [((key,), float(value)) for key, value in values.items()])


def info(name: str, documentation: str, **labels: str) -> Reading:
    """A 1 whose labels tell something."""
    return Reading(name, documentation, tuple(labels), [(tuple(labels.values()), 1.0)])


@dataclass(frozen=True)
class Times:
    """One histogram for each profile and route."""

    name: str
    documentation: str
    of: Callable[[RouteCounts], Histogram]


HISTOGRAMS = (
    Times(
        "frontdoor_time_to_first_byte_seconds",
        "Arrival of a request to the first byte of the engine's answer.",
        lambda counts: counts.first_byte,
    ),
    Times(
        "frontdoor_time_to_first_token_seconds",
        "Arrival of a request to the first event of its stream that has content, waiting included.",
        lambda counts: counts.ttft,
    ),
    Times(
        "frontdoor_inter_token_latency_seconds",
        "Time between the events of a stream. vLLM sends one for each step, mostly one token; events that arrive "
        "together share the time since the arrival before them.",
        lambda counts: counts.intervals,
    ),
    Times(
        "frontdoor_request_duration_seconds",
        "Arrival of a request to the end of its answer; refused ones are not in it.",
        lambda counts: counts.duration,
    ),
    Times(
        "frontdoor_queue_wait_seconds",
        "Arrival of a request to its admission; those that were never admitted are not in it.",
        lambda counts: counts.queue_wait,
    ),
)


class Metrics(Collector):
    """The counts, and `read` for what is looked up when asked."""

    def __init__(self, read: Callable[[], list[Reading]]) -> None:
        self.counts = Counts()
        self.count = self.counts.count
        self._read = read
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """The exposition, in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """All that is ours; what the process takes is prometheus_client's part."""
        for name, documentation, labels, values in (*self._read(), *counters(self.counts)):
            make = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            family = make(name, documentation, labels=labels)
            for label_values, value in values:
                family.add_metric(label_values, value)
            yield family
        for times in HISTOGRAMS:
            yield _histogram(times, self.counts)


def counters(counts: Counts) -> list[Reading]:
    """The counts that are no histograms."""
    requests = [
        ((profile, path, str(status or "none"), outcome), float(count))
        for profile, of_profile in counts.profiles.items()
        for (path, status, outcome), count in of_profile.requests.items()
    ]
    tokens = [
        ((profile, kind), float(count))
        for profile, of_profile in counts.profiles.items()
        for kind, count in of_profile.tokens.items()
    ]
    return [
        Reading(
            "frontdoor_requests_total",
            "Requests that have ended.",
            ("profile", "route", "status", "outcome"),
            requests,
        ),
        by("reason", "frontdoor_rejected_total", "Requests refused by the frontdoor.", counts.rejected),
        by("phase", "frontdoor_client_disconnects_total", "Clients that left before the end.", counts.left),
        by("kind", "frontdoor_upstream_errors_total", "Answers that the engine spoiled.", counts.upstream_errors),
        by(
            "retry",
            "frontdoor_client_retries_total",
            "Requests that OpenAI's and Anthropic's SDKs sent again, by which retry it was.",
            counts.retries,
        ),
        Reading(
            "frontdoor_tokens_total",
            "Tokens, as the engine counted them; a stream tells only if it was asked for its usage.",
            ("profile", "type"),
            tokens,
        ),
        plain(
            "frontdoor_stream_keepalives_total",
            "Pings in streams that were silent, counted at their end.",
            counts.pings,
        ),
    ]


def _histogram(times: Times, counts: Counts) -> Metric:
    family = HistogramMetricFamily(times.name, times.documentation, labels=("profile", "route"))
    for profile, of_profile in counts.profiles.items():
        for path, of_route in of_profile.routes.items():
            histogram = times.of(of_route)
            if any(histogram.counts):
                buckets = [("+Inf" if bound == inf else str(bound), count) for bound, count in histogram.cumulative()]
                family.add_metric((profile, path), buckets, histogram.sum)
    return family
