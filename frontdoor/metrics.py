"""What Prometheus may know. Names are the frontdoor's own, units are in the names, label sets are closed.

Labels come from the profile, the route table and the enumerations of this package, never from a request: a client
cannot make series. What can be read when somebody asks (gauges) is read then; a request costs a few increments when it
ends, an event of a stream costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector

from frontdoor.call import Call, Outcome
from frontdoor.routes import Kind

__all__ = ["CONTENT_TYPE", "Gauge", "Metrics"]

# vLLM's own buckets, so that both sides of a dashboard line up.
TTFT_BUCKETS_S = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0),
)
DURATION_BUCKETS_S = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0),
    *(120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)
INTERVAL_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0)
WAIT_BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)

# (name, help, label names, one (label values, value) each)
Gauge = tuple[str, str, tuple[str, ...], list[tuple[tuple[str, ...], float]]]

disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics(Collector):
    """The counters, and `read_gauges` for what is looked up when asked."""

    def __init__(self, read_gauges: Callable[[], list[Gauge]]) -> None:
        self.read_gauges = read_gauges
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self.requests = self._counter(
            "frontdoor_requests", "Requests that have ended.", "profile", "route", "status", "outcome"
        )
        self.rejected = self._counter("frontdoor_rejected", "Requests refused by the frontdoor.", "reason")
        self.left = self._counter("frontdoor_client_disconnects", "Clients that left before the end.", "phase")
        self.upstream_errors = self._counter("frontdoor_upstream_errors", "Exchanges that the engine spoiled.", "kind")
        self.tokens = self._counter("frontdoor_tokens", "Tokens, as the engine counted them.", "profile", "type")
        self.ttft = self._histogram(
            "frontdoor_time_to_first_token_seconds",
            "Arrival of a request to the first event of its stream.",
            TTFT_BUCKETS_S,
        )
        self.first_byte = self._histogram(
            "frontdoor_time_to_first_byte_seconds",
            "Arrival of a request to the first byte of its answer.",
            TTFT_BUCKETS_S,
        )
        self.interval = self._histogram(
            "frontdoor_inter_token_latency_seconds",
            "Mean time between the events of a stream, one observation for each stream.",
            INTERVAL_BUCKETS_S,
        )
        self.duration = self._histogram(
            "frontdoor_request_duration_seconds", "Arrival of a request to the end of its answer.", DURATION_BUCKETS_S
        )
        self.queue_wait = self._histogram(
            "frontdoor_queue_wait_seconds", "Arrival of a generation to its admission.", WAIT_BUCKETS_S
        )

    def count(self, call: Call, profile: str) -> None:
        """Accounts for one request that has ended."""
        route = call.route.path if call.route else "other"
        self.requests.labels(profile, route, str(call.status or "none"), call.outcome).inc()
        is_own = call.route is not None and call.route.kind is Kind.OWN
        if call.outcome is Outcome.REFUSED and call.reason is not None and not is_own:
            self.rejected.labels(call.reason).inc()
        if call.outcome is Outcome.CLIENT_LEFT:
            self.left.labels(call.phase).inc()
        if call.outcome is Outcome.ENGINE_FAILED and call.reason is not None:
            self.upstream_errors.labels(call.reason).inc()
        self._count_tokens(call, profile)
        self._observe(call, profile)

    def text(self) -> bytes:
        """The exposition, in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        for name, documentation, labels, values in self.read_gauges():
            family = GaugeMetricFamily(name, documentation, labels=labels)
            for label_values, value in values:
                family.add_metric(label_values, value)
            yield family

    def _count_tokens(self, call: Call, profile: str) -> None:
        for kind in ("input", "output", "cached"):
            if amount := getattr(call.tokens, kind):
                self.tokens.labels(profile, kind).inc(amount)

    def _observe(self, call: Call, profile: str) -> None:
        if call.route is None or call.outcome is Outcome.REFUSED:
            return
        labels = (profile, call.route.path)
        for histogram, moment in (
            (self.ttft, call.first_event),
            (self.first_byte, call.first_byte),
            (self.queue_wait, call.admitted),
            (self.duration, call.ended),
        ):
            if moment is not None:
                histogram.labels(*labels).observe(moment - call.started)
        if call.events > 1 and call.first_event is not None and call.last_event is not None:
            self.interval.labels(*labels).observe((call.last_event - call.first_event) / (call.events - 1))

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, registry=self._registry)

    def _histogram(self, name: str, documentation: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, documentation, ("profile", "route"), buckets=buckets, registry=self._registry)
