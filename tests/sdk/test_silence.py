"""An engine that thinks for long: pings keep the stream alive, and no SDK shows them to its application."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sdk.clients import CHATS, NODE_CHATS, Client
from sdk.running_door import RunningDoor
from sdk.sdk_process import Outcome

pytestmark = pytest.mark.sdk

PING_S, READ_TIMEOUT_S, SILENCE_S = 0.1, 0.5, 1.2

PAUSES = {
    "prefill": f"pause:after_tokens=0,seconds={SILENCE_S}",
    "decode": f"pause:after_tokens=3,seconds={SILENCE_S}",
    "numbered": f"pause:after_tokens=3,seconds={SILENCE_S},how=ids",
}

AskAll = Callable[..., dict[Client, Outcome]]
DoorWith = Callable[..., RunningDoor]


@pytest.mark.parametrize("pause", PAUSES)
def test_a_silence_longer_than_the_read_timeout(ask_all: AskAll, door_with: DoorWith, pause: str) -> None:
    door = door_with(ping_interval_s=PING_S)
    healthy = ask_all(door.url, f"healthy-{pause}", stream=True)
    job = {"timeout": READ_TIMEOUT_S}
    outcomes = ask_all(door.url, pause, job, stream=True, simulator_fault=PAUSES[pause])
    for client, outcome in outcomes.items():
        assert outcome.raised is None, client
        assert client.api.texts(outcome.answers) == client.api.texts(healthy[client].answers)
        if client in CHATS:
            assert len(outcome.answers) == len(healthy[client].answers)


@pytest.mark.parametrize("pause", ["prefill", "decode"])  # openai-node has no read timeout in a stream
def test_without_pings_the_stream_is_lost(ask_all: AskAll, door_with: DoorWith, pause: str) -> None:
    door = door_with(ping_interval_s=0)
    job = {"timeout": READ_TIMEOUT_S}
    for client, outcome in ask_all(door.url, "lost", job, stream=True, simulator_fault=PAUSES[pause]).items():
        assert client in NODE_CHATS or "Timeout" in outcome.error.kind, client
