"""An application that has heard enough, or waits no longer: the engine stops working for it, and its place is free."""

from __future__ import annotations

import pytest
from processes import until
from sdk.clients import EVERY_SDK, Ask, Client, named
from sdk.running_door import RunningDoor
from simulated_engine import SimulatedEngine

pytestmark = [pytest.mark.sdk, pytest.mark.parametrize("client", EVERY_SDK, ids=str)]


def until_nothing_runs(engine: SimulatedEngine) -> None:
    until(lambda: engine.metric("num_requests_running") == 0 or None, lambda: "the engine to stop working")


def test_a_stream_that_is_closed_early(ask: Ask, client: Client, door: RunningDoor, engine: SimulatedEngine) -> None:
    arguments = client.api.arguments(stream=True, simulator_fault="stall_mid_stream")
    request_id = named("closed", client)
    outcome = ask(door.url, arguments, leave_after=4, request_id=request_id)
    assert outcome.raised is None
    end = door.end_of(request_id)
    assert (end["outcome"], end["phase"]) == ("client_left", "decode")
    until_nothing_runs(engine)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_an_application_whose_time_is_up(
    ask: Ask, client: Client, door: RunningDoor, engine: SimulatedEngine, stream: bool
) -> None:
    arguments = client.api.arguments(stream=stream, simulator_fault="silent_prefill")
    request_id = named(f"impatient-{stream}", client)
    outcome = ask(door.url, arguments, timeout=0.2, request_id=request_id)
    assert outcome.error.kind in ("APITimeoutError", "APIConnectionTimeoutError")
    end = door.end_of(request_id)
    assert (end["outcome"], end["phase"]) == ("client_left", "prefill")
    until_nothing_runs(engine)
