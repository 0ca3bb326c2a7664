"""Beside a slot: the supervisor's snapshot, the active profile and the pause file are followed while it runs."""

from __future__ import annotations

import time

import pytest
from slot_files import SlotFiles
from snapshots import FAILURE

from slot.profiles.catalog import load_active
from slot.state import Lifecycle, LoadPhase


@pytest.fixture
def slot(tmp_path, engine) -> SlotFiles:
    return SlotFiles(tmp_path, engine.url)


@pytest.fixture
async def door(slot, open_door):
    return await open_door(load_active(slot.profile), **slot.settings)


async def status_of(door):
    client = await door.client()
    return await (await client.get("/status")).json()


async def refusal_of(door, path="/v1/chat/completions"):
    client = await door.client()
    await client.chat(path=path)
    answer = await client.answer()
    return answer, (await answer.json())["error"]


async def test_the_documented_fields_of_status(door, slot, engine) -> None:
    slot.tell(Lifecycle.SERVING, readiness="generated")
    await door.until_open()
    status = await status_of(door)
    assert status["ok"] is True
    assert status["model_slot"] == {
        "name": "tiny-cpu",
        "title": "A tiny model",
        "hf_id": "nobody/tiny",
        "modalities": "text",
        "status": "test",
    }
    documented = {
        "host": "127.0.0.1",
        "port": door.frontdoor.address[1],
        "backend": engine.url,
        "max_active_generations": 2,
        "queue_timeout_s": 0.0,
        "max_queued": 0,
        "active_generations": 0,
        "queued_generations": 0,
        "total_generation_requests": 0,
        "event_logging": True,
        "auth": "none",
    }
    assert documented.items() <= status["frontdoor"].items()
    assert (status["slot"]["state"], status["slot"]["readiness"]) == ("serving", "generated")


async def test_a_load_is_told_with_its_progress_and_ends_in_service(door, slot, engine) -> None:
    answer, error = await refusal_of(door)
    assert (answer.status, error["code"]) == (503, "backend_unavailable")  # no supervisor has written anything

    slot.tell(Lifecycle.LOADING, phase=LoadPhase.WEIGHTS, progress=0.5, eta_s=12.5)
    await door.until(lambda: door.frontdoor.watch.closed.reason == "loading")
    answer, error = await refusal_of(door)
    assert (answer.status, error["code"]) == (503, "model_loading")
    assert error["message"] == "tiny-cpu is loading, weights, 50%, ready in about 12 s"
    assert (error["phase"], error["progress"], error["eta_s"]) == ("weights", 0.5, 12.5)
    assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == ("13", "12500")
    client = await door.client()
    assert (await client.get("/v1/models")).status == 503
    status = await status_of(door)
    assert (status["ok"], status["reason"]) == (False, "loading")
    assert (status["slot"]["phase"], status["slot"]["progress"]) == ("weights", 0.5)
    assert engine.seen == []

    slot.tell(Lifecycle.SERVING)
    await door.until_open()
    client = await door.client()
    await client.chat()
    await (await engine.request()).reply(200, b"{}")
    assert (await client.answer()).status == 200
    assert [event["reason"] for event in door.events("slot_changed")] == ["stopped", "loading", None]


async def test_a_failed_engine_is_told_with_its_cause(door, slot) -> None:
    slot.tell(Lifecycle.FAILED, failure=FAILURE)
    await door.until(lambda: door.frontdoor.watch.closed.reason == "failed")
    answer, error = await refusal_of(door)
    assert "the GPU was lost" in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert (await status_of(door))["slot"]["failure"]["remedy"] == "reset it"
    answer, _ = await refusal_of(door, "/v1/messages")
    assert answer.status == 503


async def test_a_supervisor_that_is_gone_is_not_believed(door, slot) -> None:
    slot.tell(Lifecycle.SERVING)
    await door.until_open()
    slot.tell(Lifecycle.SERVING, updated_at=time.time() - 60)
    await door.until(lambda: door.frontdoor.watch.closed is not None)
    _, error = await refusal_of(door)
    assert "supervisor is gone" in error["message"]


async def test_a_cap_change_in_the_active_profile_applies_without_a_restart(door, slot, engine) -> None:
    slot.tell(Lifecycle.SERVING)
    await door.until_open()
    for _ in range(2):
        client = await door.client()
        await client.chat()
        await engine.request()
    assert (await refusal_of(door))[1]["max_active_generations"] == 2

    slot.set_profile(cap=3)
    await door.until(lambda: door.frontdoor.gate.admission.cap == 3)
    client = await door.client()
    await client.chat()
    await engine.request()
    assert door.active == 3
    assert door.events("settings_changed")[-1]["changed"] == ["max_active_generations"]

    slot.set_profile(cap=1)
    await door.until(lambda: door.frontdoor.gate.admission.cap == 1)
    assert door.active == 3
    assert (await refusal_of(door))[1]["max_active_generations"] == 1


async def test_a_cap_that_grows_lets_the_line_in(door, slot, engine) -> None:
    slot.tell(Lifecycle.SERVING)
    slot.set_profile(cap=1, more="FRONTDOOR_QUEUE_TIMEOUT_S=30\n")
    await door.until(lambda: door.frontdoor.gate.admission.cap == 1)
    await door.until_open()
    for _ in range(2):
        client = await door.client()
        await client.chat()
    await engine.request()
    await door.until(lambda: door.frontdoor.gate.admission.waiting == 1)
    slot.set_profile(cap=2, more="FRONTDOOR_QUEUE_TIMEOUT_S=30\n")
    await engine.request()
    assert (door.active, door.frontdoor.gate.admission.waiting) == (2, 0)


async def test_a_profile_that_became_unusable_changes_nothing_and_is_reported(door, slot) -> None:
    slot.tell(Lifecycle.SERVING)
    await door.until_open()
    slot.set_profile(cap=99)  # above SERVE_MAX_NUM_SEQS
    await door.until(lambda: bool(door.events("settings_changed")))
    assert "FRONTDOOR_MAX_ACTIVE_GENERATIONS" in door.events("settings_changed")[0]["error"]
    assert door.frontdoor.gate.admission.cap == 2
    slot.set_profile(cap=4)
    await door.until(lambda: door.frontdoor.gate.admission.cap == 4)


async def test_the_pause_file_closes_the_door_at_once(door, slot, engine) -> None:
    slot.tell(Lifecycle.SERVING)
    await door.until_open()
    slot.pause.touch()
    await door.until(lambda: door.frontdoor.watch.closed is not None)
    answer, error = await refusal_of(door)
    assert (answer.status, error["code"]) == (503, "paused")
    slot.pause.unlink()
    await door.until_open()


async def test_one_in_line_is_refused_when_the_slot_goes(door, slot, engine) -> None:
    slot.tell(Lifecycle.SERVING)
    slot.set_profile(cap=1, more="FRONTDOOR_QUEUE_TIMEOUT_S=30\n")
    await door.until(lambda: door.frontdoor.gate.admission.cap == 1)
    await door.until_open()
    running = await door.client()
    await running.chat()
    asked = await engine.request()
    waiting = await door.client()
    await waiting.chat()
    await door.until(lambda: door.frontdoor.gate.admission.waiting == 1)
    slot.tell(Lifecycle.STOPPING)
    await door.until(lambda: door.frontdoor.watch.closed is not None)
    asked.reset()
    answer = await waiting.answer()
    assert (answer.status, (await answer.json())["error"]["code"]) == (503, "backend_unavailable")
    assert len(engine.seen) == 1


async def test_metrics_show_the_slot(door, slot) -> None:
    slot.tell(Lifecycle.LOADING, phase=LoadPhase.WEIGHTS, progress=0.25)
    await door.until(lambda: door.frontdoor.watch.slot is not None)
    client = await door.client()
    text = (await (await client.get("/metrics")).body()).decode()
    assert 'slot_info{model="tiny",profile="tiny-cpu",status="test"} 1.0' in text
    assert 'slot_state{state="loading"} 1.0' in text
    assert 'slot_state{state="serving"} 0.0' in text
    assert 'slot_load_phase{phase="weights"} 1.0' in text
    assert "slot_load_progress_ratio 0.25" in text
    assert "frontdoor_accepting 0.0" in text


async def test_one_whose_body_is_still_coming_is_refused_when_the_slot_goes(door, slot, engine) -> None:
    slot.tell(Lifecycle.SERVING)
    await door.until_open()
    client = await door.client()
    await client.send(b"POST /v1/completions HTTP/1.1\r\nHost: door\r\nContent-Length: 31\r\n\r\n")
    await door.until(lambda: door.active == 1)
    slot.tell(Lifecycle.STOPPING)
    await door.until(lambda: door.frontdoor.watch.closed is not None)
    await client.send(b'{"model":"tiny","prompt":"abc"}')
    assert (await client.answer()).status == 503
    assert engine.seen == [] and door.active == 0


async def test_behind_a_large_body_that_was_refused_in_line_the_next_request_is_read(door, slot, engine) -> None:
    slot.tell(Lifecycle.SERVING)
    slot.set_profile(cap=1, more="FRONTDOOR_QUEUE_TIMEOUT_S=0.2\nFRONTDOOR_MAX_QUEUED=2048\n")
    await door.until(lambda: door.frontdoor.gate.admission.max_waiting == 2048)
    await door.until_open()
    running = await door.client()
    await running.chat()
    await engine.request()
    waiting = await door.client()
    # its last byte comes with the one that is too many to be kept in line
    await waiting.post("/v1/completions", b'{"model":"tiny","prompt":"%b"}' % (b"x" * (256 << 10)))
    refused = await waiting.answer()
    assert (refused.status, refused.headers.get("connection")) == (503, None)
    await refused.body()
    assert (await waiting.get("/health")).status == 200
