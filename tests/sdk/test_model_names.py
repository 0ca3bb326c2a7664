"""Which model an application may ask for: the one that is loaded, by its name or by the name that never changes."""

from __future__ import annotations

import pytest
from sdk.apis import ALIAS, MODEL
from sdk.clients import EVERY_API, Ask, Client
from sdk.running_door import RunningDoor
from sdk.told import REQUEST_ID, refused

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.parametrize("client", EVERY_API, ids=str),
    pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"]),
]


def test_the_alias_is_the_loaded_model(ask: Ask, client: Client, door: RunningDoor, stream: bool) -> None:
    outcome = ask(door.url, client.api.arguments(stream=stream) | {"model": ALIAS})
    assert outcome.raised is None
    assert "".join(client.api.texts(outcome.answers))


def test_another_model_is_not_there(ask: Ask, client: Client, door: RunningDoor, stream: bool) -> None:
    arguments = client.api.arguments(stream=stream) | {"model": "gpt-5"}
    error = refused(ask(door.url, arguments, request_id=REQUEST_ID), client, 404, "model_not_found")
    assert MODEL in error.error["message"]
    assert error.error.get("param", "model") == "model"
