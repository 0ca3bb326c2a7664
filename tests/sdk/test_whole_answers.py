"""What is healthy passes as it is: an SDK behind the frontdoor gets what it gets from the engine itself."""

from __future__ import annotations

import http.client
import json
import re
from typing import Any

import pytest
from processes import PATIENCE_S
from sdk import places
from sdk.apis import ALIAS, CHAT, COMPLETION, CONTEXT, MESSAGE, MODEL, RESPONSE, Api, Dump
from sdk.clients import CHATS, EVERY_API, MESSAGES, PYTHON_CHATS, Ask, Client
from sdk.running_door import RunningDoor
from simulated_engine import SimulatedEngine

pytestmark = pytest.mark.sdk

EXOTIC = 'Grüße, 世界 \N{ROCKET} \u2028 \N{NULL} "data: [DONE]" \\n\\n'


def alike(answers: list[Dump]) -> Any:
    """The answers without what differs from one request to the next: the ids that come with it, and the second."""
    text = json.dumps(answers)
    for pattern in (r'"created(_at)?": [\d.]+', r'"(item_)?id": "[^"]*"'):
        text = re.sub(pattern, '"masked": 0', text)
    return json.loads(text)


@pytest.mark.parametrize("client", EVERY_API, ids=str)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("prompt", ["Hello", EXOTIC], ids=["plain", "exotic"])
def test_the_sdk_gets_what_the_engine_said(ask: Ask, client: Client, door, engine, stream: bool, prompt: str) -> None:
    arguments = client.api.arguments(prompt, tokens=12, stream=stream)
    ours, engines = ask(door.url, arguments), ask(engine.url, arguments)
    assert ours.raised is None
    assert alike(ours.answers) == alike(engines.answers)
    assert len(client.api.texts(ours.answers)) == (12 if stream else 1)
    assert client.api.finishes(ours.answers)


@pytest.mark.parametrize("api", [CHAT, COMPLETION, RESPONSE, MESSAGE], ids=str)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_every_byte_passes(door: RunningDoor, engine: SimulatedEngine, api: Api, stream: bool) -> None:
    def body_at(port: int) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        try:
            headers = {"Content-Type": "application/json", "X-Request-Id": "the-same"}
            connection.request("POST", api.path, json.dumps(api.body(EXOTIC, stream=stream)), headers)
            return re.sub(rb'"created(_at)?":\d+|msg_\w+', b"", connection.getresponse().read())
        finally:
            connection.close()

    assert body_at(int(door.url.rpartition(":")[2])) == body_at(engine.port)


@pytest.mark.parametrize("client", CHATS, ids=str)
def test_several_answers_and_their_usage(ask: Ask, door: RunningDoor) -> None:
    arguments = CHAT.arguments(tokens=5, stream=True, temperature=1, seed=7)
    outcome = ask(door.url, arguments | {"n": 3, "stream_options": {"include_usage": True}})
    assert outcome.raised is None
    choices = [choice for answer in outcome.answers for choice in answer["choices"]]
    assert {choice["index"] for choice in choices} == {0, 1, 2}
    assert sum(choice["finish_reason"] == "length" for choice in choices) == 3
    assert outcome.answers[-1]["usage"]["completion_tokens"] == 15


@pytest.mark.parametrize("client", PYTHON_CHATS, ids=str)
def test_the_list_of_models(ask: Ask, door: RunningDoor) -> None:
    [answer] = ask(door.url, {}, method="models.list").answers
    assert [(model["id"], model["max_model_len"]) for model in answer["data"]] == [(MODEL, CONTEXT), (ALIAS, CONTEXT)]


@pytest.mark.parametrize("client", [MESSAGES], ids=str)
def test_messages_are_counted(ask: Ask, door: RunningDoor) -> None:
    arguments = {"model": MODEL, **MESSAGE.prompt("Hello")}
    [answer] = ask(door.url, arguments, method="messages.count_tokens").answers
    assert answer["input_tokens"] > 0


@pytest.mark.parametrize("sdk", places.ALL, ids=str)
def test_the_sdks_are_the_ones_they_are_said_to_be(sdk_processes, sdk: places.Sdk) -> None:
    assert sdk_processes(sdk).version == sdk.version
