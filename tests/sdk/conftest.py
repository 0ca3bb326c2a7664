"""Pinned SDKs, each in a process of its own, before a real frontdoor and an engine that fails as it is asked to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache

import pytest
from sdk.apis import CONTEXT, MODEL
from sdk.clients import EVERY_SDK, Ask, Client, named
from sdk.places import Sdk
from sdk.running_door import RunningDoor, running_door
from sdk.sdk_process import Job, Outcome, SdkProcess, sdk_process
from simulated_engine import SimulatedEngine, simulated_engine

TIMING = {"load_s": 0, "ttft_s": 0.001, "prefill_tokens_per_s": 1_000_000, "decode_tokens_per_s": {"1": 2000}}


@pytest.fixture(scope="session")
def sdk_processes(require: Callable[[object, str], None]) -> Iterator[Callable[[Sdk], SdkProcess]]:
    """The process of an SDK, started when it is first asked for."""
    with ExitStack() as stack:
        running: dict[Sdk, SdkProcess] = {}

        def process_of(sdk: Sdk) -> SdkProcess:
            require(sdk.is_installed, f"{sdk} IS NOT INSTALLED in {sdk.place}: scripts/test installs it")
            if sdk not in running:
                running[sdk] = stack.enter_context(sdk_process(sdk))
            return running[sdk]

        yield process_of


@pytest.fixture(scope="session")
def ask_of(sdk_processes: Callable[[Sdk], SdkProcess]) -> Callable[[Client], Ask]:
    """`ask_of(client)(url, arguments, **of_the_job)`: the outcome of one call of that client."""

    def ask_of(client: Client) -> Ask:
        process, api = sdk_processes(client.sdk), client.api

        def ask(url: str, arguments: dict[str, object] | None = None, **job: object) -> Outcome:
            usual = {"base_url": url + api.root, "method": api.method, "arguments": api.arguments()}
            return process.ask(Job(**usual | ({} if arguments is None else {"arguments": arguments}) | job))

        return ask

    return ask_of


@pytest.fixture
def ask(client: Client, ask_of: Callable[[Client], Ask]) -> Ask:
    """The same for this test's client."""
    return ask_of(client)


@pytest.fixture(scope="session")
def ask_all(ask_of: Callable[[Client], Ask]) -> Callable[..., dict[Client, Outcome]]:
    """`ask_all(url, name, **more)`: what all SDKs get that ask at once; each names its request `name` and its own.

    `more` goes into the body, `job` into the job; see `named` for the names.
    """

    def ask_all(url: str, name: str, job: dict[str, object] | None = None, **more: object) -> dict[Client, Outcome]:
        with ThreadPoolExecutor(len(EVERY_SDK)) as pool:
            asking = {
                client: pool.submit(
                    ask_of(client), url, client.api.arguments(**more), request_id=named(name, client), **job or {}
                )
                for client in EVERY_SDK
            }
        return {client: asked.result() for client, asked in asking.items()}

    return ask_all


@pytest.fixture(scope="session")
def engine() -> Iterator[SimulatedEngine]:
    flags = ("--served-model-name", MODEL, "--max-model-len", str(CONTEXT), "--disable-uvicorn-access-log")
    with simulated_engine(*flags, "--simulator-timing", json.dumps(TIMING)) as engine:
        yield engine


@pytest.fixture(scope="module")
def door_with(engine: SimulatedEngine) -> Iterator[Callable[..., RunningDoor]]:
    """`door_with(max_body_bytes=1000)`: a frontdoor before the engine, kept for the tests of this module."""
    with ExitStack() as stack:

        @cache
        def door_with(**settings: object) -> RunningDoor:
            door = stack.enter_context(running_door(backend_url=engine.url, **settings))
            door.until_open()
            return door

        yield door_with


@pytest.fixture(scope="module")
def door(door_with: Callable[..., RunningDoor]) -> RunningDoor:
    """A frontdoor as it is without any settings."""
    return door_with()
