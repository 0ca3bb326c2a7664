"""vLLM's line of statistics: throughput since the last line, and what is running now. An idle engine says nothing."""

from __future__ import annotations

from dataclasses import replace

from slot.simulator.engine import Counters, Engine
from slot.simulator.log_lines import API_SERVER, Say


def statistics(engine: Engine, told: Counters | None, seconds: float, *, device: str) -> tuple[list[Say], Counters]:
    """The line, or none, and the counters that it told of. `told`: those of the line before, `seconds` ago."""
    now, before = replace(engine.counters), told or Counters()
    prompt = (now.prompt_tokens - before.prompt_tokens) / seconds
    generated = (now.generation_tokens - before.generation_tokens) / seconds
    if not (prompt or generated or engine.running or engine.waiting):
        return [], now
    parts = [
        f"Avg prompt throughput: {prompt:.1f} tokens/s",
        f"Avg generation throughput: {generated:.1f} tokens/s",
        f"Running: {len(engine.running)} reqs",
        f"Waiting: {len(engine.waiting)} reqs",
        *([f"Preemptions: {now.preemptions}"] if now.preemptions else []),
        f"{device.upper()} KV cache usage: {100 * engine.cache.usage:.1f}%",
        f"Prefix cache hit rate: {100 * now.cache_hits / max(1, now.cache_queries):.1f}%",
    ]
    return [Say(API_SERVER, "loggers.py:335", f"Engine 000: {', '.join(parts)}")], now
