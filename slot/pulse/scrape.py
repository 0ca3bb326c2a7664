"""What an engine's `/metrics` tells of its pulse. The names are those of vLLM 0.20 to 0.33.

`moved` is everything that shows that the engine core takes steps. The counters alone would not do: of a step that
brings no token vLLM 0.32 counts nothing (async_llm.py, line 852), and a long prompt takes many such steps; but each of
them takes blocks of the KV cache (measured: with 119 chunks). An engine with several cores has a sample of each; all of
them are in here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

RUNNING = "num_requests_running"
WAITING = "num_requests_waiting"
GENERATED = "generation_tokens_total"
MOVING = (
    GENERATED,
    "prompt_tokens_total",
    "iteration_tokens_total_count",
    "request_success_total",
    "num_preemptions_total",
    "kv_cache_usage_perc",
)

_PREFIX = b"vllm:"
_TOLD = re.compile(r'127\.0\.0\.1:\d+ - "GET /metrics HTTP/1\.1" 200')


@dataclass(frozen=True)
class Vitals:
    """One look at an engine. `tokens`: generated since its start; `moved`: unlike the one before it took a step."""

    running: int
    waiting: int
    tokens: int
    moved: tuple[float, ...]

    @property
    def in_hand(self) -> int:
        return self.running + self.waiting


def read(text: bytes) -> Vitals | None:
    """None: no pulse is to be felt in it, as with SERVE_DISABLE_LOG_STATS."""
    samples: dict[str, list[float]] = {RUNNING: [], WAITING: [], **{name: [] for name in MOVING}}
    for name, value in _samples(text):
        if name in samples:
            samples[name].append(value)
    if not samples[RUNNING] or not samples[GENERATED]:
        return None
    return Vitals(
        running=round(sum(samples[RUNNING])),
        waiting=round(sum(samples[WAITING])),
        tokens=round(sum(samples[GENERATED])),
        moved=tuple(value for name in MOVING for value in samples[name]),
    )


def is_told_of(line: str) -> bool:
    """Whether the engine's log says with this line that somebody of this host has scraped it: nobody wants to read so.

    Seventeen thousand such lines a day would also push out what a diagnosis looks for.
    """
    return _TOLD.search(line) is not None


def _samples(text: bytes) -> Iterator[tuple[str, float]]:
    """(name, value) of vLLM's own. Source: the Prometheus text format; vLLM writes no timestamps."""
    for line in text.split(b"\n"):
        if line.startswith(_PREFIX):
            name = line[len(_PREFIX) :].partition(b"{")[0].partition(b" ")[0]
            try:
                value = float(line.rpartition(b" ")[2])
                if isfinite(value):  # NaN differs from itself: it would be a beat each time
                    yield name.decode(), value
            except ValueError:  # half a line
                continue
