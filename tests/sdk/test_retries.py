"""What the SDKs do by themselves about a refusal: when they ask again, when they do not, and that it gets them in.

The tries are counted where they arrive: in the frontdoor's own log of requests, by their request id.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from processes import until
from sdk.clients import EVERY_SDK, Client, named
from sdk.occupants import occupants
from sdk.running_door import RunningDoor, running_door
from sdk.sdk_process import Outcome
from simulated_engine import SimulatedEngine
from slot_files import SlotFiles
from snapshots import FAILURE

from slot.state import Lifecycle

pytestmark = pytest.mark.sdk

AskAll = Callable[..., dict[Client, Outcome]]
PATIENT = {"max_retries": None}  # the SDK's own patience: two more tries


def tried(door: RunningDoor, name: str, client: Client, times: int) -> bool:
    """Whether it asked so often. The log may be a moment behind the SDK, which has its answer."""
    until(lambda: len(door.tries_of(named(name, client))) >= times or None, lambda: f"{times} tries of {client}")
    return len(door.tries_of(named(name, client))) == times


def test_at_capacity_they_ask_again_when_they_were_told_to(ask_all: AskAll, engine: SimulatedEngine) -> None:
    with running_door(backend_url=engine.url, max_active_generations=1) as door:
        door.until_open()
        with occupants(door):
            refused = ask_all(door.url, "full", {"max_retries": 1})
        for client, outcome in refused.items():
            assert (outcome.error.status, outcome.error.error["code"]) == (503, "server_is_overloaded")
            assert tried(door, "full", client, 2)
            first, second = door.tries_of(named("full", client))
            assert (first.get("retry"), second.get("retry")) == (None, 1)
            # one that went its own way would have asked again after half a second
            assert second["ts_ms"] - first["ts_ms"] >= 950


def test_whoever_asks_again_gets_the_place_that_became_free(ask_all: AskAll, engine: SimulatedEngine) -> None:
    everybody = len(EVERY_SDK)
    with running_door(backend_url=engine.url, max_active_generations=everybody) as door:
        door.until_open()
        with occupants(door, everybody) as leave, ThreadPoolExecutor() as pool:
            asking = pool.submit(ask_all, door.url, "patient", PATIENT)
            for client in EVERY_SDK:
                door.end_of(named("patient", client))  # has been refused
            leave()
            outcomes = asking.result()
        for client, outcome in outcomes.items():
            assert outcome.raised is None, client
            assert tried(door, "patient", client, 2)


def test_nobody_asks_again_where_it_cannot_help(ask_all: AskAll, engine: SimulatedEngine, tmp_path) -> None:
    slot = SlotFiles(tmp_path, engine.url)
    slot.tell(Lifecycle.FAILED, failure=FAILURE)
    with running_door(**slot.settings) as door:
        door.until_slot("failed")
        for client, outcome in ask_all(door.url, "failed", PATIENT).items():
            assert outcome.error.status == 503
            assert tried(door, "failed", client, 1)


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("bad-request", 400, {"temperature": -1}),
        ("field-denied", 400, {"chat_template": "x"}),
        ("over-context", 400, {"prompt": "word " * 3000}),
        ("wrong-model", 404, {"model": "gpt-5"}),
    ],
)
def test_nobody_repeats_a_mistake(ask_all: AskAll, door: RunningDoor, name: str, status: int, body) -> None:
    for client, outcome in ask_all(door.url, name, PATIENT, **body).items():
        assert outcome.error.status == status, client
        assert tried(door, name, client, 1)


@pytest.mark.parametrize("fault", ["die_before_head", "html_error"])
def test_where_nothing_was_answered_they_try_again(ask_all: AskAll, door: RunningDoor, fault: str) -> None:
    for client, outcome in ask_all(door.url, fault, PATIENT, simulator_fault=fault).items():
        assert outcome.error.status == 502, client
        assert tried(door, fault, client, 3)


def test_a_stream_that_has_begun_is_never_repeated(ask_all: AskAll, door: RunningDoor) -> None:
    outcomes = ask_all(door.url, "begun", PATIENT, stream=True, simulator_fault="die_mid_stream")
    for client, outcome in outcomes.items():
        assert outcome.error.is_the_sdks_own
        assert tried(door, "begun", client, 1)
