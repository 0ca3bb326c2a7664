"""How long the simulated engine takes: pure arithmetic over one measured profile.

A `Timing` holds figures with the meaning of a profile's `MODEL_SLOT_MEASURED_*` lines; every one may be absent, and
then a fast default stands in, so that a test does not wait. Two questions are answered:

1. How is the start divided? `load_plan` keeps the measured phases and shares the rest of `load_s` among those that
   nobody measured. Where the measured phases are longer than `load_s` itself, they are shrunk to fit.
2. How long is one step of the engine? `step_s`: vLLM runs prompts and running generations in one batch, so a step costs
   the prompt tokens in it, plus one decode of everything that runs, plus a fixed overhead when a prompt begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec

DEFAULT_LOAD_S = 0.8
DEFAULT_KV_TOKENS = 1_048_576
DEFAULT_TTFT_S = 0.005
DEFAULT_PREFILL_TOKENS_PER_S = 200_000.0
DEFAULT_DECODE_INTERVAL_S = 0.002

# The prompt with which a profile's TTFT was measured (119 tokens on the B70 host).
SHORT_PROMPT_TOKENS = 119

# How a start without measured phases is divided; the shape of the seed's c8 start, where compile and capture dominate.
_SHARES = {"starting": 0.20, "weights": 0.30, "compile": 0.20, "kv_cache": 0.03, "graph_capture": 0.20, "warmup": 0.07}
# Something is always left for what nobody measures: the interpreter, imports, profiling.
_MEASURED_SHARE = 0.98


class BadTiming(ValueError):
    """The timing JSON is not one: what was found is in the message."""


class Timing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Measured figures of one profile; None where nothing was measured.

    `load_s`: process start to `/health` 200. `weights_s`, `compile_s`, `graph_capture_s`: parts of it, as vLLM logs
    them. `kv_tokens`: size of the KV cache. `ttft_s`: first token of a prompt of SHORT_PROMPT_TOKENS on an idle
    engine, its prefill included.
    `prefill_tokens_per_s`: of the whole engine. `decode_tokens_per_s`: aggregate output rate by number of streams.
    """

    load_s: float | None = None
    weights_s: float | None = None
    compile_s: float | None = None
    graph_capture_s: float | None = None
    kv_tokens: int | None = None
    ttft_s: float | None = None
    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: Mapping[int, float] | None = None


def parse(text: str) -> Timing:
    """Raises BadTiming for what is not a JSON object of `Timing`'s fields with positive numbers."""
    try:
        timing = msgspec.json.decode(text.encode(), type=Timing)
    except msgspec.DecodeError as exc:
        raise BadTiming(str(exc)) from exc
    numbers = [getattr(timing, name) for name in timing.__struct_fields__ if name != "decode_tokens_per_s"]
    rates = timing.decode_tokens_per_s or {}
    if any(number is not None and number < 0 for number in numbers):
        raise BadTiming("a timing is negative")
    if any(streams < 1 or rate <= 0 for streams, rate in rates.items()) or timing.prefill_tokens_per_s == 0:
        raise BadTiming("a rate needs a positive number, decode_tokens_per_s also at least 1 stream")
    return timing


@dataclass(frozen=True)
class LoadPlan:
    """Seconds of each part of a start, in the order in which vLLM goes through them."""

    starting_s: float
    weights_s: float
    compile_s: float
    kv_cache_s: float
    graph_capture_s: float
    warmup_s: float

    @property
    def init_s(self) -> float:
        """What vLLM logs as "init engine (profile, create kv cache, warmup model) took"."""
        return self.compile_s + self.kv_cache_s + self.graph_capture_s + self.warmup_s


def load_plan(timing: Timing, *, eager: bool) -> LoadPlan:
    """The division of `load_s`; an eager engine neither compiles nor captures.

    Where phases were measured and the whole was not, the whole is as long as they need.
    """
    measured = {
        "weights": timing.weights_s,
        "compile": 0.0 if eager else timing.compile_s,
        "graph_capture": 0.0 if eager else timing.graph_capture_s,
    }
    known = {phase: seconds for phase, seconds in measured.items() if seconds is not None}
    open_shares = {phase: share for phase, share in _SHARES.items() if phase not in known}
    known_s = sum(known.values())
    load_s = max(DEFAULT_LOAD_S, known_s / _MEASURED_SHARE) if timing.load_s is None else timing.load_s
    shrink = min(1.0, _MEASURED_SHARE * load_s / known_s) if known_s > 0 else 1.0
    rest_s = load_s - shrink * known_s
    per_share = rest_s / sum(open_shares.values())
    seconds = {phase: shrink * s for phase, s in known.items()} | {p: per_share * s for p, s in open_shares.items()}
    return LoadPlan(**{f"{phase}_s": seconds[phase] for phase in _SHARES})


def kv_tokens(timing: Timing) -> int:
    return DEFAULT_KV_TOKENS if timing.kv_tokens is None else timing.kv_tokens


def decode_interval_s(timing: Timing, streams: int) -> float:
    """Seconds from one token of a stream to its next while `streams` run.

    Between two measured numbers of streams the interval is a straight line. Below the least, a stream is as fast as it
    was there. Above the greatest, the engine is saturated: the aggregate stays and everybody waits longer.
    """
    rates = timing.decode_tokens_per_s
    if not rates:
        return DEFAULT_DECODE_INTERVAL_S
    points = sorted((measured, measured / rate) for measured, rate in rates.items())
    least, most = points[0], points[-1]
    if streams <= least[0]:
        return least[1]
    if streams >= most[0]:
        return most[1] * streams / most[0]
    return _between(points, streams)


def _between(points: Sequence[tuple[int, float]], streams: int) -> float:
    (low, low_s), (high, high_s) = next(pair for pair in pairwise(points) if streams <= pair[1][0])
    return low_s + (high_s - low_s) * (streams - low) / (high - low)


def prefill_s(timing: Timing, prompt_tokens: int) -> float:
    """Seconds of computing so many tokens of prompts, those that the prefix cache holds not among them."""
    return prompt_tokens / (timing.prefill_tokens_per_s or DEFAULT_PREFILL_TOKENS_PER_S)


def step_s(timing: Timing, *, prefill_tokens: int, begins: bool, streams: int) -> float:
    """Seconds of one engine step. `begins`: a prompt is computed from its start; `streams`: generations that decode."""
    decode_s = decode_interval_s(timing, streams) if streams else 0.0
    return (begin_s(timing) if begins else 0.0) + prefill_s(timing, prefill_tokens) + decode_s


def begin_s(timing: Timing) -> float:
    """What beginning a prompt costs whatever its length: the measured TTFT less the prefill that is part of it."""
    ttft_s = DEFAULT_TTFT_S if timing.ttft_s is None else timing.ttft_s
    return max(0.0, ttft_s - prefill_s(timing, SHORT_PROMPT_TOKENS))
