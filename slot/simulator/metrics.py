"""`/metrics` under vLLM's names, labels and help texts, in a registry of our own.

What the engine itself knows (running, waiting, tokens, cache) is read from it when somebody asks; only durations have
to be noted as they happen. What needs a real model to be anything but zero (flops, multimodal caches) is left out.

Source: `/metrics` of vLLM 0.32.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from slot.simulator.engine import Engine, Request, Step, Token

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"

_FINISHED_REASONS = ("stop", "length", "abort", "error", "repetition")
_TOKENS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000)
_STEP_TOKENS = tuple(1 << n for n in (0, *range(3, 15)))
_REQUEST_S = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)
_TOKEN_S = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
_FIRST_TOKEN_S = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75),
    *(1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560),
)
_HISTOGRAMS = {
    "request_prompt_tokens": ("Number of prefill tokens processed.", _TOKENS),
    "request_generation_tokens": ("Number of generation tokens processed.", _TOKENS),
    "iteration_tokens_total": ("Histogram of number of tokens per engine_step.", _STEP_TOKENS),
    "request_params_max_tokens": ("Histogram of the max_tokens request parameter.", _TOKENS),
    "time_to_first_token_seconds": ("Histogram of time to first token in seconds.", _FIRST_TOKEN_S),
    "inter_token_latency_seconds": ("Histogram of inter-token latency in seconds.", _TOKEN_S),
    "request_time_per_output_token_seconds": (
        "Histogram of time_per_output_token_seconds per request.",
        _TOKEN_S,
    ),
    "e2e_request_latency_seconds": ("Histogram of e2e request latency in seconds.", _REQUEST_S),
    "request_queue_time_seconds": ("Histogram of time spent in WAITING phase for request.", _REQUEST_S),
    "request_inference_time_seconds": ("Histogram of time spent in RUNNING phase for request.", _REQUEST_S),
    "request_prefill_time_seconds": ("Histogram of time spent in PREFILL phase for request.", _REQUEST_S),
    "request_decode_time_seconds": ("Histogram of time spent in DECODE phase for request.", _REQUEST_S),
}


@dataclass
class _Times:
    """Moments of one request on the engine loop's clock; None: not yet."""

    submitted: float
    admitted: float | None = None
    first_token: float | None = None
    last_token: float | None = None


class Metrics:
    """`model_name`: the first served name, a label of every sample. `now`: seconds on a clock that never goes back.

    Without `log_stats` (`--disable-log-stats`) nothing of vLLM's own is told, as of vLLM 0.32 (measured).
    """

    def __init__(self, engine: Engine, model_name: str, *, max_model_len: int, log_stats: bool = True) -> None:
        self._tells_of_vllm = log_stats
        self._registry = CollectorRegistry()
        self._labels = {"model_name": model_name, "engine": "0"}
        self._times: dict[Request, _Times] = {}
        names = list(self._labels)
        self._histograms = {
            name: Histogram(f"vllm:{name}", text, names, buckets=buckets, registry=self._registry).labels(
                **self._labels
            )
            for name, (text, buckets) in _HISTOGRAMS.items()
        }
        finished = Counter(
            "vllm:request_success",
            "Count of successfully processed requests.",
            [*names, "finished_reason"],
            registry=self._registry,
        )
        self._finished = {why: finished.labels(**self._labels, finished_reason=why) for why in _FINISHED_REASONS}
        self._http = Counter(
            "http_requests",
            "Total number of requests by method, status and handler.",
            ["handler", "method", "status"],
            registry=self._registry,
        )
        self._registry.register(_EngineCollector(engine, self._labels, max_model_len))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        text = generate_latest(self._registry)
        if self._tells_of_vllm:
            return text
        return b"".join(line for line in text.splitlines(keepends=True) if b"vllm:" not in line)

    def http_request(self, handler: str, method: str, status: int) -> None:
        self._http.labels(handler=handler, method=method, status=f"{status // 100}xx").inc()

    def submitted(self, request: Request, now: float) -> None:
        self._times[request] = _Times(now)

    def step(self, tokens: list[Token], step: Step, now: float) -> None:
        """One step is over, and these tokens came out of it."""
        if tokens:  # a step that brings none, of a long prompt, is not told of by vLLM 0.32: async_llm.py, line 852
            self._observe("iteration_tokens_total", sum(share for _, share in step.shares))
        for request, _ in step.shares:
            times = self._times.get(request)
            if times is not None and times.admitted is None:
                times.admitted = now
        for token in tokens:
            self._token(token, now)

    def finished(self, request: Request, reason: str, now: float) -> None:
        """A request has all its tokens, or met a stop string; `reason` is its finish_reason."""
        times = self._times.pop(request, None)
        if times is None or times.first_token is None:
            return
        admitted = times.submitted if times.admitted is None else times.admitted
        decode_s = now - times.first_token
        self._finished[reason].inc()
        self._observe("request_prompt_tokens", len(request.prompt))
        self._observe("request_generation_tokens", request.produced)
        self._observe("request_params_max_tokens", request.max_tokens)
        self._observe("e2e_request_latency_seconds", now - times.submitted)
        self._observe("request_queue_time_seconds", admitted - times.submitted)
        self._observe("request_inference_time_seconds", now - admitted)
        self._observe("request_prefill_time_seconds", times.first_token - admitted)
        self._observe("request_decode_time_seconds", decode_s)
        if request.produced > 1:
            self._observe("request_time_per_output_token_seconds", decode_s / (request.produced - 1))

    def aborted(self, request: Request) -> None:
        """Forgotten: vLLM counts an abort as no success of any kind (measured)."""
        self._times.pop(request, None)

    def _token(self, token: Token, now: float) -> None:
        times = self._times.get(token.request)
        if times is None:
            return
        if times.first_token is None:
            times.first_token = now
            self._observe("time_to_first_token_seconds", now - times.submitted)
        if times.last_token is not None:
            self._observe("inter_token_latency_seconds", now - times.last_token)
        times.last_token = now
        if token.is_last:
            self.finished(token.request, token.request.finish_reason, now)

    def _observe(self, name: str, value: float) -> None:
        self._histograms[name].observe(value)


class _EngineCollector(Collector):
    """What is read from the engine at the moment of the question."""

    def __init__(self, engine: Engine, labels: dict[str, str], max_model_len: int) -> None:
        self._engine = engine
        self._names = list(labels)
        self._values = list(labels.values())
        self._max_model_len = max_model_len

    def collect(self) -> Iterator[Metric]:
        engine, counters = self._engine, self._engine.counters
        yield self._gauge("num_requests_running", "Number of requests in model execution batches.", engine.load.running)
        yield self._gauge("num_requests_waiting", "Number of requests waiting to be processed.", engine.load.waiting)
        yield self._waiting_by_reason()
        yield self._gauge("kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", engine.cache.usage)
        yield self._counter("prefix_cache_queries", "Prefix cache queries, in tokens.", counters.cache_queries)
        yield self._counter("prefix_cache_hits", "Prefix cache hits, in tokens.", counters.cache_hits)
        yield self._counter("num_preemptions", "Cumulative number of preemption from the engine.", counters.preemptions)
        yield self._counter("prompt_tokens", "Number of prefill tokens processed.", counters.prompt_tokens)
        yield self._counter("prompt_tokens_cached", "Number of cached prompt tokens.", counters.cached_tokens)
        yield self._counter("generation_tokens", "Number of generation tokens processed.", counters.generation_tokens)
        yield self._cache_config()

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(f"vllm:{name}", text, labels=self._names)
        family.add_metric(self._values, value)
        return family

    def _counter(self, name: str, text: str, value: float) -> Metric:
        family = CounterMetricFamily(f"vllm:{name}", text, labels=self._names)
        family.add_metric(self._values, value)
        return family

    def _waiting_by_reason(self) -> Metric:
        text = "Number of waiting requests by reason."
        family = GaugeMetricFamily("vllm:num_requests_waiting_by_reason", text, labels=[*self._names, "reason"])
        family.add_metric([*self._values, "capacity"], self._engine.load.waiting)
        family.add_metric([*self._values, "deferred"], 0)
        return family

    def _cache_config(self) -> Metric:
        cache = self._engine.cache
        tokens = cache.size * cache.block_size
        facts = {
            "block_size": str(cache.block_size),
            "enable_prefix_caching": str(cache.keeps),
            "num_gpu_blocks": str(cache.size),
            "kv_cache_size_tokens": str(tokens),
            "kv_cache_max_concurrency": f"{tokens / self._max_model_len:.2f}",
        }
        text = "Information of the LLMEngine CacheConfig"
        family = GaugeMetricFamily("vllm:cache_config_info", text, labels=["engine", *facts])
        family.add_metric(["0", *facts.values()], 1)
        return family
