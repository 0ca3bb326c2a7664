"""The SDKs of clients in front of real vLLM: what it can produce of tests/sdk. The last test kills what they share."""

from __future__ import annotations

import os
import re
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from processes import PATIENCE_S
from sdk.apis import ALIAS, CHAT, COMPLETION
from sdk.clients import CHATS, EVERY_API, EVERY_SDK, Ask, Client, named
from sdk.running_door import RunningDoor, running_door
from sdk.sdk_process import Outcome
from sdk.told import REQUEST_ID, kind_of, refused

pytestmark = [pytest.mark.engine, pytest.mark.sdk, pytest.mark.timeout(400)]

MODEL = "tiny-qwen3"
CONTEXT = 2048
LONG = 1900
READ_TIMEOUT_S, SILENCE_S = 0.5, 1.5

AskAll = Callable[..., dict[Client, Outcome]]


@pytest.fixture(scope="module")
def url(stack: Any) -> str:
    """Of the engine itself."""
    return f"http://127.0.0.1:{stack.engine_port}"


@pytest.fixture(scope="module")
def door(url: str) -> Iterator[RunningDoor]:
    """A frontdoor beside the stack's own, with settings that show in seconds what takes minutes otherwise."""
    with running_door(backend_url=url, ping_interval_s=0.1) as door:
        door.until_open()
        yield door


def output_tokens(door: RunningDoor) -> float:
    """The frontdoor's own figure."""
    with urllib.request.urlopen(f"{door.url}/metrics", timeout=PATIENCE_S) as answer:
        told = re.findall(r'^frontdoor_tokens_total{[^}]*type="output"} (\S+)$', answer.read().decode(), re.MULTILINE)
    return sum(map(float, told))


@pytest.mark.parametrize("client", EVERY_API, ids=str)
def test_the_same_text_streamed_and_whole(ask: Ask, client: Client, door: RunningDoor, url: str) -> None:
    def text(base: str, model: str, stream: bool) -> str:
        outcome = ask(base, client.api.arguments(tokens=24, stream=stream) | {"model": model})
        assert outcome.raised is None
        assert client.api.finishes(outcome.answers)
        return "".join(client.api.texts(outcome.answers))

    engines = text(url, MODEL, stream=False)
    assert engines
    assert text(door.url, ALIAS, stream=False) == engines
    assert text(door.url, ALIAS, stream=True) == engines
    assert text(door.url, MODEL, stream=True) == engines


@pytest.mark.parametrize("client", EVERY_API, ids=str)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_over_the_context(ask: Ask, client: Client, door: RunningDoor, url: str, stream: bool) -> None:
    arguments = client.api.arguments("word " * 2 * CONTEXT, stream=stream) | {"model": MODEL}
    ours, engines = ask(door.url, arguments).error, ask(url, arguments).error
    assert (ours.kind, ours.status) == ("BadRequestError", 400)
    assert (ours.body, ours.message) == (engines.body, engines.message)
    assert f"maximum context length is {CONTEXT} tokens" in ours.message


@pytest.mark.parametrize("client", EVERY_SDK, ids=str)
def test_another_model_is_not_there(ask: Ask, client: Client, stack: Any) -> None:
    arguments = client.api.arguments() | {"model": "gpt-5"}
    asked_before = stack.metric("request_success_total")
    error = refused(ask(stack.url, arguments, request_id=REQUEST_ID), client, 404, "model_not_found")
    assert MODEL in error.error["message"]
    assert stack.metric("request_success_total") == asked_before


@pytest.mark.parametrize("client", CHATS, ids=str)
def test_two_answers_take_two_places(ask: Ask, client: Client, stack: Any) -> None:
    two = CHAT.arguments(stream=True, temperature=1) | {"model": ALIAS, "n": 2}
    with ThreadPoolExecutor() as pool:
        with stack.frozen():
            asking = pool.submit(stack.ask, CHAT.path, CHAT.body(temperature=1, n=2) | {"model": ALIAS})
            stack.until_active(2)
            refused(ask(stack.url, two, request_id=REQUEST_ID), client, 503, "server_is_overloaded")
        assert len(asking.result().json()["choices"]) == 2
    stack.until_active(0)
    outcome = ask(stack.url, two)
    assert {choice["index"] for answer in outcome.answers for choice in answer["choices"]} == {0, 1}
    three = refused(ask(stack.url, two | {"n": 3}, request_id=REQUEST_ID), client, 400, "invalid_request")
    assert three.error["param"] == "n"


@pytest.mark.parametrize("client", EVERY_API, ids=str)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_tokens_are_counted_as_the_engine_counts_them(
    ask: Ask, client: Client, door: RunningDoor, stream: bool
) -> None:
    arguments = client.api.arguments(tokens=7, stream=stream) | {"model": ALIAS}
    if stream and client.api in (CHAT, COMPLETION):
        arguments["stream_options"] = {"include_usage": True}
    before = output_tokens(door)
    assert ask(door.url, arguments, request_id=named(f"counted-{stream}-{client.api}", client)).raised is None
    assert door.end_of(named(f"counted-{stream}-{client.api}", client))["output_tokens"] == 7
    assert output_tokens(door) - before == 7


def test_a_silence_longer_than_the_read_timeout(ask_all: AskAll, stack: Any, door: RunningDoor) -> None:
    with ThreadPoolExecutor() as pool:
        with stack.frozen():
            asking = pool.submit(ask_all, door.url, "silent", {"timeout": READ_TIMEOUT_S}, model=ALIAS, stream=True)
            door.until_active(len(EVERY_SDK))
            time.sleep(SILENCE_S)  # no wait for anything: this is the silence
        outcomes = asking.result()
    for client, outcome in outcomes.items():
        assert outcome.raised is None, client
        assert client.api.finishes(outcome.answers)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_silence_that_does_not_end(ask_all: AskAll, stack: Any, url: str, stream: bool) -> None:
    with running_door(backend_url=url, backend_timeout_s=0.5) as door:
        door.until_open()
        with stack.frozen():
            outcomes = ask_all(door.url, f"stalled-{stream}", model=ALIAS, stream=stream)
        for client, outcome in outcomes.items():
            assert outcome.error.kind == kind_of(client, None if stream else 504)
            assert outcome.error.error["code"] == "upstream_timeout"
    stack.until_running(0)


def test_the_engine_stops_working_for_those_whose_time_is_up(ask_all: AskAll, stack: Any, door: RunningDoor) -> None:
    before = stack.metric("generation_tokens_total")
    with stack.frozen():
        for client, outcome in ask_all(door.url, "impatient", {"timeout": 0.5}, model=ALIAS, tokens=LONG).items():
            assert "Timeout" in outcome.error.kind
            end = door.end_of(named("impatient", client))
            assert (end["outcome"], end["phase"]) == ("client_left", "prefill")
    stack.until_running(0)
    assert stack.metric("generation_tokens_total") - before < LONG


def test_every_application_is_told_of_the_engines_death(
    ask_of: Callable[[Client], Ask], stack: Any, door: RunningDoor
) -> None:
    with ThreadPoolExecutor() as pool, stack.frozen():
        asking = {}
        for number, client in enumerate(EVERY_SDK):
            arguments = client.api.arguments(tokens=LONG, stream=number % 2 == 0) | {"model": ALIAS}
            asking[client] = pool.submit(ask_of(client), door.url, arguments, request_id=named("last", client))
        door.until_active(len(EVERY_SDK))
        os.kill(stack.worker(), signal.SIGKILL)
        for client, outcome in asking.items():
            assert outcome.result().error.is_the_sdks_own, client
            assert door.end_of(named("last", client))["outcome"] == "engine_failed"
