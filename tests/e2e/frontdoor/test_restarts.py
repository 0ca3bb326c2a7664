"""Restarts under load lose nothing, with the socket held by the service manager, or the new process ready first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from time import monotonic

import pytest
from e2e.frontdoor.busy_clients import BusyClient, QuickEngine, Tally
from e2e.frontdoor.service_manager import Service, running

CLIENTS = 16
REQUESTS = 10_000
RESTARTS_OF_EACH_KIND = 5
# A request may have to wait for the slowest stream that is open, and for a process to start on a machine that is busy.
SLOWEST_S = 10.0


@pytest.fixture
async def quick_engine() -> AsyncIterator[QuickEngine]:
    async with QuickEngine() as engine:
        yield engine


@pytest.fixture
async def service(quick_engine: QuickEngine) -> AsyncIterator[Service]:
    """A frontdoor whose cap is the number of clients: one place too few or too many would be seen."""
    async with running(
        FRONTDOOR_BACKEND_URL=quick_engine.url,
        FRONTDOOR_MAX_ACTIVE_GENERATIONS=str(CLIENTS),
        FRONTDOOR_LOG_EVENTS="false",
    ) as service:
        yield service


class Load:
    """Clients that ask without a pause, until they are told to end."""

    def __init__(self, port: int) -> None:
        self.tally = Tally()
        self.is_wanted = True
        clients = (BusyClient(port, self.tally, seed, lambda: self.is_wanted) for seed in range(CLIENTS))
        self.tasks = [asyncio.create_task(client.run(), name="client") for client in clients]

    async def end(self) -> None:
        self.is_wanted = False
        await asyncio.gather(*self.tasks)


async def test_10_000_requests_over_10_restarts(
    service: Service, quick_engine: QuickEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    began = monotonic()
    load = Load(service.port)
    kinds: list[Callable[[], object]] = [service.restart, service.replace] * RESTARTS_OF_EACH_KIND
    took_s = []
    for number, restart in enumerate(kinds, 1):
        await load.tally.reaches(number * REQUESTS // (len(kinds) + 1))
        before = monotonic()
        await restart()
        took_s.append(monotonic() - before)
    await load.tally.reaches(REQUESTS)
    await load.end()
    tally, whole_s = load.tally, monotonic() - began
    with capsys.disabled():
        print(  # noqa: T201  the figures are what this test is for
            f"\n{tally.done} requests, {tally.connections} connections, {len(kinds)} restarts in {whole_s:.1f} s: "
            f"{len(tally.failures)} failed, slowest {tally.slowest_s:.2f} s, at most {quick_engine.most} at once; "
            f"restart {max(took_s[0::2]):.2f} s, replace {max(took_s[1::2]):.2f} s at most"
        )
    assert tally.failures == []
    assert tally.slowest_s < SLOWEST_S
    assert quick_engine.most <= CLIENTS
