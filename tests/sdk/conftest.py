"""Pinned SDKs, each in a process of its own, before a real frontdoor and an engine that fails as it is asked to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from sdk.apis import CONTEXT, MODEL
from sdk.fixtures import ask, ask_all, ask_of, sdk_processes  # noqa: F401
from sdk.running_door import RunningDoor, running_door
from simulated_engine import SimulatedEngine, simulated_engine

TIMING = {"load_s": 0, "ttft_s": 0.001, "prefill_tokens_per_s": 1_000_000, "decode_tokens_per_s": {"1": 2000}}


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
