"""Restarts under load lose nothing, with the socket held by the service manager, or the new process ready first."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from time import monotonic

import pytest
from e2e.frontdoor.busy_clients import BusyClient, QuickEngine, Tally
from e2e.frontdoor.service_manager import Service, running

CLIENTS = 16
REQUESTS = 10_000
RESTARTS_OF_EACH_KIND = 5
# A request may have to wait for the slowest stream that is open, and for a process to start on a machine that is busy.
SLOWEST_S = 10.0
OPENSSL = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2".split() + [
    *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
]


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

    def __init__(self, port: int, secured: ssl.SSLContext | None = None) -> None:
        self.tally = Tally()
        self.is_wanted = True
        clients = (BusyClient(port, self.tally, seed, lambda: self.is_wanted, secured) for seed in range(CLIENTS))
        self.tasks = [asyncio.create_task(client.run(), name="client") for client in clients]

    async def over(self, restarts: Sequence[Callable[[], Awaitable[object]]], requests: int) -> list[float]:
        """Has so many requests made, with these restarts evenly in between; how long each of them took, in seconds."""
        took_s = []
        for number, restart in enumerate(restarts, 1):
            await self.tally.reaches(number * requests // (len(restarts) + 1))
            before = monotonic()
            await restart()
            took_s.append(monotonic() - before)
        await self.tally.reaches(requests)
        self.is_wanted = False
        await asyncio.gather(*self.tasks)
        return took_s


async def test_10_000_requests_over_10_restarts(
    service: Service, quick_engine: QuickEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    began = monotonic()
    load = Load(service.port)
    took_s = await load.over([service.restart, service.replace] * RESTARTS_OF_EACH_KIND, REQUESTS)
    tally, whole_s = load.tally, monotonic() - began
    with capsys.disabled():
        print(  # noqa: T201  the figures are what this test is for
            f"\n{tally.done} requests, {tally.connections} connections, {len(took_s)} restarts in {whole_s:.1f} s: "
            f"{len(tally.failures)} failed, slowest {tally.slowest_s:.2f} s, at most {quick_engine.most} at once; "
            f"restart {max(took_s[0::2]):.2f} s, replace {max(took_s[1::2]):.2f} s at most"
        )
    assert tally.failures == []
    assert tally.slowest_s < SLOWEST_S
    assert quick_engine.most <= CLIENTS


async def test_restarts_with_tls_lose_nothing(
    quick_engine: QuickEngine, tmp_path: Path, require: Callable[[object, str], None]
) -> None:
    """Here a connection cannot change over: the place that is kept for each that may still ask must be there."""
    require(shutil.which("openssl"), "the openssl program makes the certificate of this test")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = await asyncio.create_subprocess_exec(*OPENSSL, "-keyout", key, "-out", certificate, stderr=DEVNULL)
    assert await made.wait() == 0
    async with running(
        FRONTDOOR_BACKEND_URL=quick_engine.url,
        FRONTDOOR_MAX_ACTIVE_GENERATIONS=str(3 * CLIENTS),
        FRONTDOOR_LOG_EVENTS="false",
        FRONTDOOR_TLS_CERTIFICATE=str(certificate),
        FRONTDOOR_TLS_PRIVATE_KEY=str(key),
    ) as service:
        load = Load(service.port, ssl.create_default_context(cafile=certificate))
        await load.over([service.restart, service.replace] * 2, 2000)
    assert load.tally.failures == []
