"""Whether a soak has passed: from what was sampled and what the guests have said, to rows that are fine or are not.

The first third of a run warms up: caches fill, the allocator finds its size. Memory is judged by the straight line
through the rest of it, taken to its length: what a leak would have added, whatever single samples say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WARM_UP = 1 / 3
# Half of what the bodies of eight heavy guests may take at one moment: in a short run the samples go up and down by
# that.
GROWTH_LIMIT_MIB = 16.0
MIB = 1 << 20


@dataclass(frozen=True)
class Sample:
    """One look at the process. `at_s`: seconds since the guests were let in; `requests`: open ones, at most 100."""

    at_s: float
    rss_bytes: int
    open_files: int
    active: int
    waiting: int
    connections: int
    requests: int


@dataclass(frozen=True)
class Row:
    """One thing that had to hold, what was found, and whether it was fine."""

    what: str
    found: str
    limit: str
    is_fine: bool


@dataclass(frozen=True)
class Seen:
    """A whole run: `before` the first guest, `samples` while they came, `after` the last had gone and all was quiet.

    `treated`: how many guests say what. `complaints`: what no guest should have to say, in words; `log`: the lines
    that the process should not have written; `engine_running`: what the engine still worked on in the end.
    """

    cap: int
    before: Sample
    samples: Sequence[Sample]
    after: Sample
    treated: Mapping[str, int]
    complaints: Sequence[str]
    log: Sequence[str]
    engine_running: int
    exit_code: int


def judge(seen: Seen) -> list[Row]:
    """Every row, the fine ones included."""
    growth_mib = growth(seen.samples)
    most = max(sample.active for sample in seen.samples)
    at_cap = sum(sample.active == seen.cap for sample in seen.samples) / len(seen.samples)
    leaked = seen.after.open_files - seen.before.open_files
    left = seen.after.active + seen.after.waiting
    return [
        Row(
            "memory growth after warm-up",
            f"{growth_mib:+.2f} MiB",
            f"{GROWTH_LIMIT_MIB:g}",
            growth_mib <= GROWTH_LIMIT_MIB,
        ),
        Row("most generations at once", str(most), str(seen.cap), most <= seen.cap),
        Row("time at the cap", f"{at_cap:.0%}", "at least 50%", at_cap >= 0.5),
        Row("places taken or waited for in the end", str(left), "0", left == 0),
        Row("requests open in the end", str(seen.after.requests), "0", seen.after.requests == 0),
        Row(
            "connections open in the end", str(seen.after.connections), "1, the sampler's", seen.after.connections <= 1
        ),
        Row("file descriptors more than before", str(max(leaked, 0)), "0", leaked <= 0),
        Row("generations that the engine still runs", str(seen.engine_running), "0", seen.engine_running == 0),
        Row("guests treated wrongly", str(len(seen.complaints)), "0", not seen.complaints),
        Row("errors in its log", str(len(seen.log)), "0", not seen.log),
        Row(
            "guests served to the end",
            str(seen.treated.get("served", 0)),
            "at least 1",
            seen.treated.get("served", 0) > 0,
        ),
        Row("exit code", str(seen.exit_code), "0", seen.exit_code == 0),
    ]


def growth(samples: Sequence[Sample]) -> float:
    """What the straight line through the memory adds from the end of the warm-up to the end of the run, in MiB."""
    return slope(samples) * (samples[-1].at_s - _settled(samples)[0].at_s) / MIB


def slope(samples: Sequence[Sample]) -> float:
    """Bytes of memory that are added each second after the warm-up, by least squares; 0 for a single sample."""
    settled = _settled(samples)
    mean_s = sum(sample.at_s for sample in settled) / len(settled)
    mean_bytes = sum(sample.rss_bytes for sample in settled) / len(settled)
    spread = sum((sample.at_s - mean_s) ** 2 for sample in settled)
    together = sum((sample.at_s - mean_s) * (sample.rss_bytes - mean_bytes) for sample in settled)
    return together / spread if spread else 0.0


def _settled(samples: Sequence[Sample]) -> Sequence[Sample]:
    return samples[int(len(samples) * WARM_UP) :]


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = ["| what | found | limit | |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.found} | {row.limit} | {'ok' if row.is_fine else '**FAILED**'} |" for row in rows]
    return "\n".join(lines) + "\n"
