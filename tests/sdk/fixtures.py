"""Fixtures with which a test asks through an SDK; a conftest imports them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from sdk.clients import EVERY_SDK, Ask, Client, named
from sdk.places import Sdk
from sdk.sdk_process import Job, Outcome, SdkProcess, sdk_process


@pytest.fixture(scope="session")
def sdk_processes(require: Callable[[object, str], None]) -> Iterator[Callable[[Sdk], SdkProcess]]:
    """The process of an SDK, started when it is first asked for."""
    with ExitStack() as stack:
        running: dict[Sdk, SdkProcess] = {}

        def process_of(sdk: Sdk) -> SdkProcess:
            require(sdk.is_installed, f"{sdk} IS NOT INSTALLED in {sdk.place}: {sdk.remedy}")
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
