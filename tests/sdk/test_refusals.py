"""What an application is told that gets no answer: the SDK's own exception for it, with a code and a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from processes import until
from sdk.apis import CONTEXT
from sdk.clients import CHATS, EVERY_SDK, Ask, Client
from sdk.occupants import occupants
from sdk.running_door import RunningDoor, running_door
from sdk.sdk_process import Outcome
from sdk.told import REQUEST_ID, refused
from simulated_engine import SimulatedEngine
from slot_files import SlotFiles
from snapshots import FAILURE

from slot.state import Lifecycle, LoadPhase

pytestmark = [pytest.mark.sdk, pytest.mark.parametrize("client", EVERY_SDK, ids=str)]

DoorWith = Callable[..., RunningDoor]

KEY = "sk-0123456789abcdef"


@pytest.fixture
def ask(ask: Ask) -> Ask:
    return lambda *given, **job: ask(*given, request_id=REQUEST_ID, **job)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("status", [503, 429, 529])
def test_at_capacity(ask: Ask, client: Client, door_with: DoorWith, status: int, stream: bool) -> None:
    door = door_with(max_active_generations=1, busy_status=status)
    with occupants(door):
        error = refused(ask(door.url, client.api.arguments(stream=stream)), client, status, "server_is_overloaded")
    assert "retry-after" in error.headers
    assert (error.error["active_generations"], error.error["max_active_generations"]) == (1, 1)


def test_a_wait_in_line_that_was_in_vain(ask: Ask, client: Client, door_with: DoorWith) -> None:
    door = door_with(max_active_generations=1, queue_timeout_s=0.1)
    with occupants(door):
        error = refused(ask(door.url), client, 503, "server_is_overloaded")
    assert "in line" in error.error["message"]


def test_more_than_a_clients_share(ask: Ask, client: Client, door_with: DoorWith) -> None:
    door = door_with(max_active_per_client=1)
    with occupants(door):
        error = refused(ask(door.url), client, 429, "rate_limit_exceeded")
    assert "retry-after" in error.headers


@pytest.mark.parametrize("url", ["without /v1", "with /v1 twice"])
def test_a_base_url_that_is_not_ours(ask: Ask, client: Client, door: RunningDoor, url: str) -> None:
    if client not in CHATS:
        base, hint = f"{door.url}/v1", "one /v1 too many"
    elif url == "without /v1":
        base, hint = door.url, "should end in /v1"
    else:
        base, hint = f"{door.url}/v1/v1", "one /v1 too many"
    error = refused(ask(door.url, base_url=base), client, 404, "route_not_found")
    assert hint in error.error["message"]


def test_a_body_over_the_limit(ask: Ask, client: Client, door_with: DoorWith) -> None:
    door = door_with(max_body_bytes=1000)
    refused(ask(door.url, client.api.arguments("long " * 1000)), client, 413, "request_too_large")
    assert ask(door.url).raised is None


def test_a_field_that_no_client_may_set(ask: Ask, client: Client, door: RunningDoor) -> None:
    arguments = client.api.arguments(chat_template="{% for _ in range(10**9) %}{% endfor %}")
    error = refused(ask(door.url, arguments), client, 400, "field_denied")
    assert error.error["param"] == "chat_template"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_over_the_context_in_the_engines_own_words(
    ask: Ask, client: Client, door: RunningDoor, engine: SimulatedEngine, stream: bool
) -> None:
    arguments = client.api.arguments("word " * CONTEXT, stream=stream)
    ours, engines = ask(door.url, arguments).error, ask(engine.url, arguments).error
    assert ours.kind == "BadRequestError"
    assert (ours.status, ours.body, ours.message) == (engines.status, engines.body, engines.message)
    assert f"maximum context length is {CONTEXT} tokens" in ours.message


@pytest.fixture(scope="module")
def keyed_door(door_with: DoorWith, tmp_path_factory: pytest.TempPathFactory) -> RunningDoor:
    keys = tmp_path_factory.mktemp("keys") / "api-keys"
    keys.touch(mode=0o600)
    keys.write_text(f"infer alice {KEY}\n")
    return door_with(api_keys_file=keys, key=KEY)


def test_a_key_of_somebody_elses(ask: Ask, client: Client, keyed_door: RunningDoor) -> None:
    refused(ask(keyed_door.url, api_key="sk-not-one-of-ours-at-all"), client, 401, "invalid_api_key")


def test_the_right_key(ask: Ask, client: Client, keyed_door: RunningDoor) -> None:
    assert ask(keyed_door.url, api_key=KEY).raised is None


@pytest.fixture(scope="module")
def slot(engine: SimulatedEngine, tmp_path_factory: pytest.TempPathFactory) -> SlotFiles:
    return SlotFiles(tmp_path_factory.mktemp("slot"), engine.url)


@pytest.fixture(scope="module")
def slot_door(slot: SlotFiles) -> Iterator[RunningDoor]:
    with running_door(**slot.settings) as door:
        yield door


@pytest.mark.parametrize(
    ("state", "reason", "code", "words"),
    [
        ({"state": Lifecycle.LOADING, "phase": LoadPhase.WEIGHTS, "eta_s": 12.5}, "loading", "model_loading", "12 s"),
        ({"state": Lifecycle.LOADING, "eta_s": 900.0}, "loading", "model_loading", "900 s"),
        ({"state": Lifecycle.STOPPED}, "stopped", "backend_unavailable", "no model is loaded"),
        ({"state": Lifecycle.FAILED, "failure": FAILURE}, "failed", "backend_unavailable", "the GPU was lost"),
    ],
    ids=["loading", "loading for long", "stopped", "failed"],
)
def test_a_slot_that_does_not_serve(
    ask: Ask, client: Client, slot: SlotFiles, slot_door: RunningDoor, state, reason: str, code: str, words: str
) -> None:
    def told() -> Outcome | None:
        outcome = ask(slot_door.url)
        return outcome if words in outcome.error.message else None

    slot.tell(**state)
    error = refused(until(told, lambda: f"{words!r}, not {ask(slot_door.url).error.message}"), client, 503, code)
    assert "retry-after" in error.headers
    assert error.headers.get("x-should-retry") == ("false" if reason == "failed" else None)


def test_paused_by_its_admin(ask: Ask, client: Client, slot: SlotFiles, slot_door: RunningDoor) -> None:
    slot.tell(Lifecycle.SERVING)
    slot.pause.touch()
    try:
        slot_door.until_slot("paused")
        refused(ask(slot_door.url), client, 503, "paused")
    finally:
        slot.pause.unlink()
