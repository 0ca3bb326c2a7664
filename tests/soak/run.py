"""One soak: an engine and a frontdoor as processes, guests without end, a look every second, and quiet afterwards."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import uvloop
from frontdoor_process import FrontdoorProcess, frontdoor_process
from simulated_engine import simulated_engine

from soak.guests import GUESTS, Complaint, Guest
from soak.verdict import Sample, Seen
from soak.wire import PATIENCE_S, Connection, connected, get

QUIET_S = 30.0
# a guest that finds no place comes back after this; an SDK would wait longer
RETRY_S = 0.05
SETTINGS = {
    "head_timeout_s": "3",
    "body_idle_timeout_s": "3",
    "backend_timeout_s": "3",
    "write_stall_timeout_s": "5",
    "ping_interval_s": "1",
    "log_events": "false",
}
COMPLAINTS_KEPT = 20

Say = Callable[[str], None]


@dataclass
class Book:
    """What the guests have said so far."""

    treated: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)


def soak(minutes: float, cap: int, seed: int, say: Say) -> Seen:
    """The whole run; `say` is told of its progress."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        log = Path(folder) / "frontdoor.log"
        with (
            simulated_engine(*_engine_flags(cap)) as engine,
            frontdoor_process(log, backend_url=engine.url, max_active_generations=str(cap), **SETTINGS) as door,
        ):
            book = Book()
            before, samples, after = uvloop.run(_visit(door, minutes * 60, cap, seed, book, say))
            running = int(engine.metric("num_requests_running"))
            code = door.stop()
        words = [f"{kind}: {count}" for kind, count in sorted(book.kinds.items())]
        say("guests: " + ", ".join(words))
        return Seen(cap, before, samples, after, book.treated, book.complaints, _errors(log), running, code)


def _engine_flags(cap: int) -> list[str]:
    """100 tokens a second for each stream, however many there are."""
    rates = {1: 100, cap: 100 * cap}
    timing = {"load_s": 0.1, "ttft_s": 0.03, "decode_tokens_per_s": {str(n): rate for n, rate in rates.items()}}
    return [
        *("--served-model-name", "tiny", "--max-model-len", "4096", "--max-num-seqs", str(cap)),
        *("--simulator-timing", json.dumps(timing)),
    ]


async def _visit(
    door: FrontdoorProcess, seconds: float, cap: int, seed: int, book: Book, say: Say
) -> tuple[Sample, list[Sample], Sample]:
    address = ("127.0.0.1", door.port)
    async with AsyncExitStack() as stack:
        sampler = await stack.enter_async_context(connected(address))
        await _until_open(sampler)
        before = await _sample(door, sampler, 0.0)
        began = monotonic()
        ends = began + seconds
        dice = random.Random(seed)
        crowd = [
            asyncio.create_task(_keep_coming(address, random.Random(dice.random()), ends, book), name=f"guest {number}")
            for number in range(3 * cap + 8)
        ]
        samples = []
        while monotonic() < ends:
            await asyncio.sleep(1.0)
            samples.append(await _sample(door, sampler, monotonic() - began))
            say(_progress(samples[-1], seconds, book))
        await asyncio.wait_for(asyncio.gather(*crowd), 2 * PATIENCE_S)
        return before, samples, await _quiet(door, sampler, before, began)


async def _keep_coming(address: tuple[str, int], dice: random.Random, ends: float, book: Book) -> None:
    """One guest after the other, of a kind that the dice choose."""
    kinds, weights = list(GUESTS), list(GUESTS.values())
    while monotonic() < ends:
        [guest] = dice.choices(kinds, weights)
        word = await _come(guest, address, dice, book)
        book.treated[word] += 1
        book.kinds[f"{guest.__name__} {word}"] += 1
        if word == "refused":
            await asyncio.sleep(RETRY_S * dice.uniform(0.5, 1.5))


async def _come(guest: Guest, address: tuple[str, int], dice: random.Random, book: Book) -> str:
    try:
        return await guest(address, dice)
    except (Complaint, TimeoutError, OSError, asyncio.IncompleteReadError, ValueError) as exc:
        if len(book.complaints) < COMPLAINTS_KEPT:
            book.complaints.append(f"{guest.__name__}: {type(exc).__name__} {exc}")
        return "WRONGED"


async def _until_open(sampler: Connection) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await sampler.send(get("/health"))
            if (await sampler.answer()).status == 200:
                return
            await asyncio.sleep(0.1)


async def _sample(door: FrontdoorProcess, sampler: Connection, at_s: float) -> Sample:
    await sampler.send(get("/status"))
    told = json.loads((await sampler.answer()).body)
    own = told["frontdoor"]
    return Sample(
        at_s=round(at_s, 2),
        rss_bytes=door.rss_bytes,
        open_files=door.open_files,
        active=own["active_generations"],
        waiting=own["queued_generations"],
        connections=own["connections"],
        requests=len(told["requests"]),
    )


async def _quiet(door: FrontdoorProcess, sampler: Connection, before: Sample, began: float) -> Sample:
    """The last sample: as soon as nothing is left, or when QUIET_S have passed in vain."""
    ends = monotonic() + QUIET_S
    while True:
        last = await _sample(door, sampler, monotonic() - began)
        nothing_left = not last.active and not last.requests and last.connections <= 1
        if (nothing_left and last.open_files <= before.open_files) or monotonic() > ends:
            return last
        await asyncio.sleep(0.2)


def _progress(sample: Sample, seconds: float, book: Book) -> str:
    return (
        f"{sample.at_s:5.0f} of {seconds:.0f} s, {sample.rss_bytes / (1 << 20):5.1f} MiB, {sample.open_files} files, "
        f"{sample.active} active, {sample.connections} connections, {book.treated.total()} guests, "
        f"{book.treated['WRONGED']} wronged"
    )


def _errors(log: Path) -> list[str]:
    """The lines that only a mistake of ours writes."""
    lines = log.read_text(errors="replace").splitlines()
    return [line for line in lines if line.startswith(("ERROR", "CRITICAL", "Traceback"))]
