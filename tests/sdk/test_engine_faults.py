"""The fault matrix: whatever the engine does, no application mistakes it for an answer.

Every row is a fault of the engine; it is tried with every SDK, streamed and whole, and with every API that has a place
for it. An application that catches its SDK's `APIError` catches all of them, finds a code of ours (or the engine's own
error) in it, and has got nothing but true text before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from processes import until
from sdk.apis import CHAT, COMPLETION, MESSAGE, MODEL, RESPONSE, Api
from sdk.clients import EVERY_API, EVERY_SDK, NODE_CHATS, PYTHON_CHATS, Ask, Client, named
from sdk.running_door import RunningDoor, running_door
from sdk.sdk_process import Outcome
from sdk.told import kind_of
from simulated_engine import SimulatedEngine, simulated_engine

pytestmark = pytest.mark.sdk

AskAll = Callable[..., dict[Client, Outcome]]
DoorWith = Callable[..., RunningDoor]

AFTER = 3  # tokens before the fault: after_tokens' default

DISCONNECTED = "upstream_disconnected"
TIMEOUT = "upstream_timeout"
ENGINE_ERROR = "engine_error"
NOT_JSON = "upstream_protocol_error"
NOT_A_NUMBER = "invalid_number_in_answer"
ITS_OWN = None  # the engine's own error passes


@dataclass(frozen=True)
class Told:
    """What the application is told. `status` None: in the stream, after `tokens` of it have come.

    `code`: of our error object; ITS_OWN where the engine's own error passes as it is.
    """

    code: str | None
    status: int | None = None
    tokens: int = AFTER


@dataclass(frozen=True)
class Row:
    """One fault, and what becomes of it. `apis` are those that have a place for it; None: that way it is no fault."""

    fault: str
    stream: Told | None
    whole: Told | None
    apis: tuple[Api, ...] = (CHAT, COMPLETION, RESPONSE, MESSAGE)


ROWS = [
    Row("die_before_head", Told(DISCONNECTED, 502), Told(DISCONNECTED, 502)),
    Row("die_before_head:how=rst", Told(DISCONNECTED, 502), Told(DISCONNECTED, 502)),
    Row("html_error", Told(ITS_OWN, 502), Told(ITS_OWN, 502)),
    Row("die_mid_stream", Told(DISCONNECTED), Told(DISCONNECTED, 502)),
    Row("die_mid_stream:how=rst", Told(DISCONNECTED), Told(DISCONNECTED, 502)),
    Row("die_mid_stream:after_tokens=0", Told(DISCONNECTED, tokens=0), Told(DISCONNECTED, 502)),
    Row("no_done", Told(DISCONNECTED), None),
    Row("broken_frame", Told(DISCONNECTED), Told(NOT_JSON, 502)),
    Row("broken_json", Told(NOT_JSON), Told(NOT_JSON, 502)),
    Row("empty_data", Told(NOT_JSON), Told(NOT_JSON, 502)),
    Row("nan", Told(NOT_A_NUMBER, tokens=0), Told(NOT_A_NUMBER, 502), (CHAT, COMPLETION)),  # needs logprobs
    Row("error_event", Told(ENGINE_ERROR), Told(ITS_OWN, 500)),
    Row("error_string", Told(ENGINE_ERROR), Told(ENGINE_ERROR, 502)),
    Row("error_frame", Told(ITS_OWN), Told(ITS_OWN, 500), (CHAT, COMPLETION, MESSAGE)),
    Row("error_frame", Told(DISCONNECTED), Told(ITS_OWN, 500), (RESPONSE,)),  # vLLM breaks this one off
    Row("finish_abort", Told(ENGINE_ERROR), Told(ENGINE_ERROR, 502), (CHAT, COMPLETION, MESSAGE)),
]
SILENT_ROWS = [
    Row("silent_prefill", Told(TIMEOUT, 504), Told(TIMEOUT, 504)),
    Row("stall_mid_stream:after_tokens=0", Told(TIMEOUT, tokens=0), Told(TIMEOUT, 504)),
    Row("stall_mid_stream", Told(TIMEOUT), Told(TIMEOUT, 504)),
]


def cells(rows: list[Row], clients: list[Client]) -> list[object]:
    """Every row with every client that it concerns, streamed and whole: (client, fault, stream, told)."""
    return [
        pytest.param(client, row.fault, stream, told, id=f"{row.fault}-{'stream' if stream else 'whole'}-{client}")
        for row in rows
        for client in clients
        for stream, told in ((True, row.stream), (False, row.whole))
        if told is not None and client.api in row.apis
    ]


def check(client: Client, told: Told, outcome: Outcome, healthy: Outcome) -> None:
    api, error = client.api, outcome.error
    assert error.is_the_sdks_own
    assert error.kind == kind_of(client, told.status)
    if told.code is not None:
        assert error.error["code"] == told.code
        assert error.error["message"]
    if told.status is not None:
        assert error.status == told.status
    assert api.texts(outcome.answers) == (api.texts(healthy.answers)[: told.tokens] if told.status is None else [])
    assert not api.finishes(outcome.answers)


@pytest.mark.parametrize(("client", "fault", "stream", "told"), cells(ROWS, EVERY_API))
def test_no_fault_looks_like_success(ask, client, door, fault, stream, told) -> None:
    api, request_id = client.api, named(re.sub(r"\W", "-", f"{fault}-{stream}-{client.api}"), client)
    healthy = ask(door.url, api.arguments(stream=stream))
    outcome = ask(door.url, api.arguments(stream=stream, simulator_fault=fault), request_id=request_id)
    check(client, told, outcome, healthy)
    assert door.end_of(request_id)["outcome"] == "engine_failed"
    assert len(door.tries_of(request_id)) == 1


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("row", SILENT_ROWS, ids=lambda row: row.fault)
def test_no_silence_lasts_for_ever(ask_all: AskAll, door_with: DoorWith, row: Row, stream: bool) -> None:
    door, told = door_with(backend_timeout_s=0.3), row.stream if stream else row.whole
    assert told is not None
    healthy = ask_all(door.url, "healthy", stream=stream)
    for client, outcome in ask_all(door.url, "silent", stream=stream, simulator_fault=row.fault).items():
        check(client, told, outcome, healthy[client])


@pytest.mark.parametrize(("death", "streams"), [("kill -9", 0), ("device_lost", 1)])
def test_every_application_is_told_of_the_engines_death(
    ask_of: Callable[[Client], Ask], death: str, streams: int
) -> None:
    """Every other SDK streams, and with the other death the others do."""
    slow = ("--served-model-name", MODEL, "--simulator-timing", '{"load_s":0,"decode_tokens_per_s":{"1":100}}')
    with simulated_engine(*slow) as engine, running_door(backend_url=engine.url) as door:
        door.until_open()
        with ThreadPoolExecutor() as pool:
            asking = {}
            for number, client in enumerate(EVERY_SDK):
                arguments = client.api.arguments(tokens=20_000, stream=number % 2 == streams)
                asking[client] = pool.submit(ask_of(client), door.url, arguments)
            until(lambda: engine.metric("num_requests_running") == len(asking) or None, lambda: "all to be running")
            if death == "kill -9":
                engine.process.kill()
            else:
                engine.post("/v1/completions", COMPLETION.body(simulator_fault=death))
        for client, outcome in asking.items():
            assert outcome.result().error.is_the_sdks_own, client
        door.until_slot("unreachable")
        for client in EVERY_SDK:
            after = ask_of(client)(door.url).error
            assert (after.status, after.error["code"]) == (503, "backend_unavailable")
            assert 1 <= int(after.headers["retry-after"]) <= 30


# What this is all about. A row that moves to another SDK's list, or to none, is news for docs/clients.md.
SILENT_WITHOUT_US = ["no_done", "broken_frame", "error_event", "nan", "finish_abort"]
RAW_WITHOUT_US = ["broken_json", "empty_data"]


@pytest.mark.parametrize("client", PYTHON_CHATS, ids=str)
@pytest.mark.parametrize("fault", SILENT_WITHOUT_US)
def test_without_the_frontdoor_it_looks_like_success(ask: Ask, engine: SimulatedEngine, fault: str) -> None:
    assert ask(engine.url, CHAT.arguments(stream=True, simulator_fault=fault)).raised is None


@pytest.mark.parametrize("client", NODE_CHATS, ids=str)
def test_without_the_frontdoor_nan_is_no_api_error_in_node(ask: Ask, engine: SimulatedEngine) -> None:
    error = ask(engine.url, CHAT.arguments(stream=True, simulator_fault="nan")).error
    assert (error.kind, error.is_the_sdks_own) == ("SyntaxError", False)


@pytest.mark.parametrize("client", PYTHON_CHATS, ids=str)
@pytest.mark.parametrize("fault", RAW_WITHOUT_US)
def test_without_the_frontdoor_no_api_error_is_raised(ask: Ask, engine: SimulatedEngine, fault: str) -> None:
    error = ask(engine.url, CHAT.arguments(stream=True, simulator_fault=fault)).error
    assert error.kind == "JSONDecodeError"
    assert not error.is_the_sdks_own
