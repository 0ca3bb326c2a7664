"""vLLM's log, line by line: who says it, in which wording, and how it looks on the terminal.

vLLM and its engine core log to stdout with `(Process pid=N) LEVEL MM-DD HH:MM:SS [file.py:line]` in front; progress
bars and uvicorn's own lines go to stderr without it. Wordings, file names and line numbers are those of vLLM 0.32.0,
GPU builds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

API_SERVER = "APIServer"
ENGINE_CORE = "EngineCore"

_BANNER = (
    "",
    "       █     █     █▄   ▄█",
    " ▄▄ ▄█ █     █     █ ▀▄▀ █  version {version}",
    "  █▄█▀ █     █     █     █  model   {model}",
    "   ▀▀  ▀▀▀▀▀ ▀▀▀▀▀ ▀     ▀",
    "",
)


@dataclass(frozen=True)
class Say:
    """One line of vLLM's logger. `where` is `file.py:line`."""

    process: str
    where: str
    message: str
    level: str = "INFO"


@dataclass(frozen=True)
class Raw:
    """Text that goes to stderr as it is, with the ends of line that it has."""

    text: str


Line = Say | Raw


def render(line: Say, pids: Mapping[str, int], now: str) -> str:
    """`now` as `MM-DD HH:MM:SS`. Every part of a message of several lines gets the prefix, as vLLM does."""
    prefix = f"({line.process} pid={pids[line.process]}) {line.level} {now} [{line.where}] "
    return "".join(f"{prefix}{part}\n" for part in line.message.split("\n"))


def banner(version: str, model: str) -> list[Line]:
    return [Say(API_SERVER, "api_utils.py:347", text.format(version=version, model=model)) for text in _BANNER]


def shards(total: int, seconds: float) -> list[Line]:
    """The progress of loading `total` files, one update per file and one before the first."""
    updates = [f"\r{_shard_bar(done, total, seconds)}\n" for done in range(total + 1)]
    return [*map(Raw, updates), Raw("\n")]


def _shard_bar(done: int, total: int, seconds: float) -> str:
    percent = 100 * done // total
    name = "Loading safetensors checkpoint shards"
    return f"{name}: {percent:3d}% Completed | {done}/{total} [{_pace(done, total, seconds)}]"


def captures(total: int, seconds: float) -> list[Line]:
    """The progress of graph capture: one line that is written over again and again."""
    name = "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE)"
    updates = [
        f"\r{name}: {100 * done // total:3d}%|{_drawn(done, total)}| {done}/{total} [{_pace(done, total, seconds)}]"
        for done in range(total + 1)
    ]
    return [*map(Raw, updates), Raw("\n")]


def _drawn(done: int, total: int) -> str:
    return ("█" * (10 * done // total)).ljust(10)


def _pace(done: int, total: int, seconds: float) -> str:
    """tqdm's `elapsed<remaining, rate`."""
    if not done or seconds <= 0:
        return f"00:00<{'?' if not done else '00:00'}, ?it/s"
    elapsed = seconds * done / total
    rate = done / elapsed
    paced = f"{rate:.2f}it/s" if rate >= 1 else f"{1 / rate:.2f}s/it"
    return f"{_clock(elapsed)}<{_clock(seconds - elapsed)}, {paced}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def traceback(process: str, where: str, headline: str, frames: Iterable[str], error: str) -> list[Line]:
    """An exception as vLLM logs it: every line with the prefix, the error last."""
    lines = [headline, "Traceback (most recent call last):", *(f"  File {frame}" for frame in frames), error]
    return [Say(process, where, line, level="ERROR") for line in lines]


def uvicorn(message: str) -> Raw:
    return Raw(f"INFO:     {message}\n")
