"""What is measured, and in which order: for each round, each scenario, each peer, so that peers stay close in time.

A scenario puts one load on one peer and returns figures by the name of their measure. CPU time is the proxy's own
(with its children), from just before the load until its last answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, monotonic_ns

from bench import client, peers
from bench.client import Answer, LoadFailed
from bench.peers import CAP, Peer
from bench.process_figures import cpu_us, rss_bytes
from bench.report import Measure, Sample, Told, percentile
from bench.wire import Wish

MEASURES = (
    Measure("cpu_event_8", "CPU per event, 8 streams", "µs"),
    Measure("cpu_event_64", "CPU per event, 64 streams", "µs"),
    Measure("delay_8", "added event delay p50, 8 streams", "ms", 3, Told.ADDED, has_ratio=False),
    Measure("delay_64", "added event delay p50, 64 streams", "ms", 3, Told.ADDED, has_ratio=False),
    Measure("cpu_short", "CPU per stream of 4 tokens", "µs", 0),
    Measure("ttft", "added time to first token p50", "ms", 3, Told.ADDED, has_ratio=False),
    Measure("requests", "requests without a stream, 32 connections", "1/s", 0),
    Measure("cpu_request", "CPU per request without a stream", "µs", 0),
    Measure("refused_share", f"at the cap of {CAP}: refused of the rest", "%", has_ratio=False),
    Measure("cpu_refusal", "CPU per refusal", "µs", 0),
    Measure("refused_after", "refused after p50, one client", "ms", 3),
    Measure("gone_stream", "engine sees the client gone p50, mid-stream", "ms", 2),
    Measure("gone_prefill", "engine sees the client gone p50, in prefill", "ms", 2),
    Measure("memory_stream", "memory per open stream", "KiB", 1, Told.LARGEST),
    Measure("flat_event", "CPU per event beside idle streams : without", "x", 2, has_ratio=False),
    Measure("flat_short", "CPU per stream of 4 tokens beside idle streams : without", "x", 2, has_ratio=False),
    Measure("start", "start to listening", "s", 2),
    Measure("idle_memory", "memory when idle", "MiB", 0),
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything. `idle` streams are held open, `leavers` clients leave, the rest is what it says."""

    tokens_8: int = 512
    tokens_64: int = 256
    short: int = 400
    seconds: float = 2.0
    refusals: int = 500
    leavers: int = 50
    idle: int = 1000


SIZES = {
    "full": Sizes(),
    "quick": Sizes(tokens_8=128, tokens_64=64, short=200, seconds=1.0, refusals=200, leavers=20, idle=500),
    "tiny": Sizes(tokens_8=4, tokens_64=2, short=8, seconds=0.05, refusals=5, leavers=2, idle=8),
}


@dataclass(frozen=True, slots=True)
class Lab:
    """What every scenario needs to know. `directory`: for the logs of processes that a scenario starts itself."""

    emulator_port: int
    directory: Path
    sizes: Sizes


Figures = dict[str, float]
Scenario = Callable[[Lab, Peer], Awaitable[Figures]]


async def few_streams(lab: Lab, peer: Peer) -> Figures:
    """8 streams with 10 ms between their tokens, all begun together."""
    return await _streams(lab, peer, 8, lab.sizes.tokens_8)


async def many_streams(lab: Lab, peer: Peer) -> Figures:
    """The same with 64."""
    return await _streams(lab, peer, 64, lab.sizes.tokens_64)


async def short_streams(lab: Lab, peer: Peer) -> Figures:
    """Streams of 4 tokens, 8 at a time: the price of a request, and the time to its first token."""
    answers, cpu = await _spent(peer.pids(), _short(lab, peer))
    figures = {"ttft": _p50_ms(answer.first_ns - answer.asked_ns for answer in answers)}
    return figures | _if_proxy(peer, cpu_short=cpu / len(answers))


async def requests(lab: Lab, peer: Peer) -> Figures:
    """Whole answers of 1 KiB over 32 connections, as many as there is time for."""
    begun = monotonic()
    load = client.requests(peer.port, 32, lab.sizes.seconds, Wish(stream=False, size=1024))
    answers, cpu = await _spent(peer.pids(), load)
    return {"requests": len(answers) / (monotonic() - begun)} | _if_proxy(peer, cpu_request=cpu / len(answers))


async def at_the_cap(lab: Lab, peer: Peer) -> Figures:
    """Every place is taken by an open stream, and one client asks on."""
    assert peer.capped_port is not None
    async with client.held(peer.capped_port, CAP):
        load = client.refusals(peer.capped_port, lab.sizes.refusals)
        answers, cpu = await _spent(peer.capped_pids(), load)
    refused = [answer for answer in answers if answer.status in (429, 503, 529)]
    if not refused:
        raise LoadFailed(f"{peer.name} refused nothing at its cap")
    return {
        "refused_share": 100 * len(refused) / len(answers),
        "cpu_refusal": cpu / len(answers),
        "refused_after": _p50_ms(answer.ended_ns - answer.asked_ns for answer in refused),
    }


async def left_mid_stream(lab: Lab, peer: Peer) -> Figures:
    """Clients leave their streams after three tokens; 20 ms until the next."""
    return {"gone_stream": await _noticed(lab, peer, tokens=3, every_us=20_000)}


async def left_in_prefill(lab: Lab, peer: Peer) -> Figures:
    """Clients leave before the first token."""
    return {"gone_prefill": await _noticed(lab, peer, tokens=0, first_us=4_000_000)}


async def beside_idle_streams(lab: Lab, peer: Peer) -> Figures:
    """The memory of open streams, and what others cost beside them."""
    pids, idle = peer.pids(), lab.sizes.idle
    alone = await _costs(lab, peer)
    before = rss_bytes(pids)
    async with client.held(peer.port, idle):
        await asyncio.sleep(0.2)  # whatever a proxy tidies up after its clients have come
        grown = rss_bytes(pids) - before
        beside = await _costs(lab, peer)
    return {
        "memory_stream": grown / idle / 1024,
        "flat_event": beside[0] / alone[0],
        "flat_short": beside[1] / alone[1],
    }


async def start(lab: Lab, peer: Peer) -> Figures:
    """Another copy of it, from nothing."""
    with peers.just_started(peer.name, lab.emulator_port, lab.directory) as (seconds, pids):
        await asyncio.sleep(0.5)  # idle is after its start is over
        return {"start": seconds, "idle_memory": rss_bytes(pids) / (1 << 20)}


# In the order of a round. The third says whether there is something to learn from no proxy at all.
SCENARIOS: tuple[tuple[str, Scenario, bool], ...] = (
    ("8 streams", few_streams, True),
    ("64 streams", many_streams, True),
    ("short streams", short_streams, True),
    ("requests", requests, True),
    ("at the cap", at_the_cap, False),
    ("left mid-stream", left_mid_stream, True),
    ("left in prefill", left_in_prefill, True),
    ("beside idle streams", beside_idle_streams, False),
    ("start", start, False),
)


async def measure(
    lab: Lab, running: Sequence[Peer], rounds: int, progress: Callable[[str], None]
) -> AsyncIterator[Sample]:
    """All rounds, one figure after the other. Raises LoadFailed when a load does not go as it must."""
    for peer in running:
        progress(f"warming up {peer.name}")
        await _short(lab, peer)
    for round_ in range(1, rounds + 1):
        for name, scenario, without_a_proxy in SCENARIOS:
            for peer in running:
                if peer.is_proxy or without_a_proxy:
                    progress(f"round {round_} of {rounds}: {name}, {peer.name}")
                    for measure_, value in (await scenario(lab, peer)).items():
                        yield Sample(round_, measure_, peer.name, value)


async def _streams(lab: Lab, peer: Peer, count: int, tokens: int) -> Figures:
    load = client.streams(peer.port, count, count, Wish(tokens=tokens, every_us=10_000))
    answers, cpu = await _spent(peer.pids(), load)
    delays = [delay for answer in answers for delay in answer.delays_ns]
    figures = _if_proxy(peer, cpu_event=cpu / len(delays)) | {"delay": _p50_ms(delays)}
    return {f"{name}_{count}": value for name, value in figures.items()}


async def _costs(lab: Lab, peer: Peer) -> tuple[float, float]:
    """CPU in microseconds: of an event among 8 streams, and of a short stream."""
    events = (await few_streams(lab, peer))["cpu_event_8"]
    return events, (await short_streams(lab, peer))["cpu_short"]


async def _short(lab: Lab, peer: Peer) -> list[Answer]:
    return await client.streams(peer.port, 8, lab.sizes.short, Wish(tokens=4, every_us=2_000))


async def _noticed(lab: Lab, peer: Peer, *, tokens: int, first_us: int = 0, every_us: int = 0) -> float:
    """How long after its client an engine's request ends, in milliseconds, at the median."""
    await _nothing_open(lab)
    async with _left(lab, peer, tokens=tokens, first_us=first_us, every_us=every_us) as left_ns:
        gone = await _nothing_open(lab)
    if gone.keys() != left_ns.keys():
        raise LoadFailed(f"{peer.name}: the engine saw {len(gone)} of {len(left_ns)} clients leave")
    return _p50_ms(gone[id_] - left_ns[id_] for id_ in left_ns)


@asynccontextmanager
async def _left(lab: Lab, peer: Peer, *, tokens: int, first_us: int, every_us: int) -> AsyncIterator[dict[int, int]]:
    """Clients that have just left, by id, and when each did."""
    count = lab.sizes.leavers
    async with client.held(peer.port, count, tokens=tokens, first_us=first_us, every_us=every_us) as connections:
        arrived = 0
        async with asyncio.timeout(client.PATIENCE_S):
            while arrived < count:  # in prefill nothing but the engine can tell that a request has arrived
                await asyncio.sleep(0.01)
                arrived += len((await client.happenings(lab.emulator_port))["arrived"])
        left_ns = {}
        for id_, connection in enumerate(connections):
            left_ns[id_] = monotonic_ns()
            connection.close()
            await asyncio.sleep(0)  # uvloop closes a connection in its next turn
        yield left_ns


async def _nothing_open(lab: Lab) -> dict[int, int]:
    """Waits until the engine has no request; returns when those ended that their clients left, by id."""
    gone: dict[int, int] = {}
    async with asyncio.timeout(client.PATIENCE_S):
        while True:
            told = await client.happenings(lab.emulator_port)
            gone |= {int(id_): moment for id_, moment in told["gone"].items()}
            if not told["open"]:
                return gone
            await asyncio.sleep(0.01)


async def _spent(pids: Sequence[int], load: Awaitable[list[Answer]]) -> tuple[list[Answer], float]:
    """The load's answers, and the CPU time in microseconds that the processes used meanwhile."""
    before = cpu_us(pids)
    answers = await load
    return answers, cpu_us(pids) - before


def _if_proxy(peer: Peer, **figures: float) -> Figures:
    return figures if peer.is_proxy else {}


def _p50_ms(nanoseconds: Iterable[int]) -> float:
    return percentile(nanoseconds, 0.5) / 1e6
