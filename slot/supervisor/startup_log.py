"""What the engine's own log says of its start: which phase, how far, and what was found out on the way.

vLLM has no interface for this before it listens, so the log is the interface. The wordings are those of 0.20 and 0.32
(read in their sources, recorded from CPU starts) and of Intel's builds (from their published logs). A line that no rule
knows tells nothing, which is not an error: wordings change, and readiness never depends on them.

With tensor parallelism every worker says the same things: `merge` keeps the slowest duration and the smallest capacity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from slot.state import EngineFacts, LoadPhase

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class News:
    """What one line tells. `within` is 0..1 of the phase, None where the line does not say."""

    phase: LoadPhase
    within: float | None = None
    facts: EngineFacts = EngineFacts()


@dataclass(frozen=True)
class _Rule:
    phase: LoadPhase
    pattern: re.Pattern[str]
    # What a match means for the phase where the line has no percentage: 1.0 is "the phase is done".
    within: float | None = None


def _rule(phase: LoadPhase, pattern: str, within: float | None = None) -> _Rule:
    return _Rule(phase, re.compile(pattern), within)


# Named groups are facts (fields of EngineFacts) or `percent`. Matched at the start of the message, after vLLM's prefix.
_RULES = (
    _rule(LoadPhase.STARTING, r"vLLM (?:API )?server version (?P<version>[\w.+-]*\w)"),
    _rule(LoadPhase.STARTING, r"[▄▀█ ]+ version (?P<version>\d\S*)"),  # the same, drawn as a banner
    _rule(LoadPhase.STARTING, r"Initializing a V\d LLM engine \(v(?P<version>[^)]+)\)"),
    _rule(LoadPhase.STARTING, r"Using max model len (?P<max_model_len>\d+)"),
    _rule(LoadPhase.WEIGHTS, r"Starting to load model "),
    # `checkpoint shards:  45% Completed | 5/11`, and the other loaders' bars
    _rule(
        LoadPhase.WEIGHTS, r"(?:Loading|Multi-thread loading) .*?(?:shards|Streamer|loader)[^:]*: +(?P<percent>\d+)%"
    ),
    _rule(LoadPhase.WEIGHTS, r"Loading weights took (?P<weights_s>[\d.]+) s", within=1.0),
    _rule(LoadPhase.WEIGHTS, r"Model loading took ", within=1.0),
    _rule(LoadPhase.COMPILE, r"Starting torch\.compile"),
    _rule(LoadPhase.COMPILE, r"Using cache directory: .* for vLLM's torch\.compile"),
    _rule(LoadPhase.COMPILE, r"Warming up model for the compilation"),  # CPU
    _rule(LoadPhase.COMPILE, r"Dynamo bytecode transform time: "),
    _rule(LoadPhase.COMPILE, r"(?:Compiling a graph|Directly load the compiled graph|Directly load AOT compilation)"),
    _rule(LoadPhase.COMPILE, r"saved AOT compiled function"),
    _rule(LoadPhase.COMPILE, r"torch\.compile (?:took|takes) (?P<compile_s>[\d.]+) s", within=1.0),
    _rule(LoadPhase.COMPILE, r"Warming up done", within=1.0),  # CPU
    _rule(LoadPhase.KV_CACHE, r"Available KV cache memory: "),  # GPU
    _rule(LoadPhase.KV_CACHE, r"Explicitly set \([\d./]+\) GiB for KV cache"),  # CPU
    # 0.32 says both in one line, and names the device (GPU, XPU, CPU); 0.20 says GPU in two lines
    _rule(
        LoadPhase.KV_CACHE,
        r"\w+(?: \+ host)? KV cache size: (?P<kv_cache_tokens>[\d,]+) tokens"
        r"(?:, Maximum concurrency for [\d,]+ tokens per request: (?P<max_concurrency>[\d.]+)x)?",
        within=1.0,
    ),
    _rule(
        LoadPhase.KV_CACHE,
        r"Maximum concurrency for [\d,]+ tokens per request: (?P<max_concurrency>[\d.]+)x",
        within=1.0,
    ),
    _rule(LoadPhase.GRAPH_CAPTURE, r"Capturing .*graphs?\b[^%]*?: +(?P<percent>\d+)%"),
    _rule(LoadPhase.GRAPH_CAPTURE, r"Graph capturing finished in (?P<graph_capture_s>[\d.]+) s", within=1.0),
    _rule(
        LoadPhase.WARMUP,
        r"init engine\b.*? took (?P<init_s>[\d.]+) s(?:econds)?(?: \(compilation: (?P<compile_s>[\d.]+) s)?",
        within=1.0,
    ),
    _rule(LoadPhase.API, r"Supported tasks: "),
    _rule(LoadPhase.API, r"Starting vLLM (?:API )?server (?:\d+ )?on "),
    _rule(LoadPhase.API, r"Application startup complete", within=1.0),
)

# `(Worker_TP1 pid=661) INFO 11-20 17:47:39 [default_loader.py:501] [backbone] `; uvicorn's lines begin `INFO:     `.
_PREFIX = re.compile(
    r"(?:\([^)]*\) )?"
    r"(?:(?:DEBUG|INFO|WARNING|ERROR) \d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \[[^\]]*\] |(?:INFO|WARNING): +)?"
    r"(?:\[\w+\] )?"
)

# Lines that come again and again while nothing happens, or because of our own probes: no advance.
_MARKS_TIME = re.compile(
    r"No available shared memory broadcast block found"
    r"|Waiting for \d+ local, \d+ remote core engine proc"
    r'|\d+\.\d+\.\d+\.\d+:\d+ - "(?:GET|POST|HEAD) '
)


def read(line: str) -> News | None:
    """What `line` tells, or None for a line that tells nothing of the start."""
    message = line[_end_of_prefix(line) :]
    for rule in _RULES:
        if match := rule.pattern.match(message):
            return _news(rule, match.groupdict())
    return None


def shows_advance(line: str) -> bool:
    """Whether the engine is getting on, rather than waiting aloud or answering a probe."""
    return _MARKS_TIME.match(line[_end_of_prefix(line) :]) is None


def merge(known: EngineFacts, more: EngineFacts) -> EngineFacts:
    """Both: of durations the longest (the slowest worker is waited for), of capacities the smallest."""
    return EngineFacts(
        version=more.version or known.version,
        max_model_len=more.max_model_len or known.max_model_len,
        kv_cache_tokens=_smaller(known.kv_cache_tokens, more.kv_cache_tokens),
        max_concurrency=_smaller(known.max_concurrency, more.max_concurrency),
        weights_s=_longer(known.weights_s, more.weights_s),
        compile_s=_longer(known.compile_s, more.compile_s),
        graph_capture_s=_longer(known.graph_capture_s, more.graph_capture_s),
        init_s=_longer(known.init_s, more.init_s),
    )


def _end_of_prefix(line: str) -> int:
    prefix = _PREFIX.match(line)
    return prefix.end() if prefix else 0


def _news(rule: _Rule, found: Mapping[str, str | None]) -> News:
    percent = found.get("percent")
    return News(
        phase=rule.phase,
        within=int(percent) / 100 if percent else rule.within,
        facts=EngineFacts(
            version=found.get("version"),
            max_model_len=_whole(found.get("max_model_len")),
            kv_cache_tokens=_whole(found.get("kv_cache_tokens")),
            max_concurrency=_decimal(found.get("max_concurrency")),
            weights_s=_decimal(found.get("weights_s")),
            compile_s=_decimal(found.get("compile_s")),
            graph_capture_s=_decimal(found.get("graph_capture_s")),
            init_s=_decimal(found.get("init_s")),
        ),
    )


def _whole(text: str | None) -> int | None:
    return int(text.replace(",", "")) if text else None


def _decimal(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:  # "1.2.3": the pattern is looser than a number
        return None


def _longer(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _smaller(one: _Number | None, other: _Number | None) -> _Number | None:
    return min((each for each in (one, other) if each is not None), default=None)
