"""What the frontdoor makes of its sources, without a loop that follows them."""

from __future__ import annotations

import io
import json
import logging

import pytest
from snapshots import snapshot

from frontdoor.bad_settings import BadSettings
from frontdoor.engine.availability import Backend, BackendState
from frontdoor.record.events import EventLog
from frontdoor.settings import Settings, load
from frontdoor.watch.slot_watch import SlotWatch, Sources

URL = "http://127.0.0.1:18080"


class Log:
    def __init__(self) -> None:
        self.stream = io.BytesIO()
        self.events = EventLog(self.stream)

    def named(self, name: str) -> list[dict[str, object]]:
        told = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [event for event in told if event["event"] == name]


@pytest.fixture
def log() -> Log:
    return Log()


def watch(log: Log, **settings: str) -> SlotWatch:
    return SlotWatch(Sources(settings, {}), load(settings, {}, {}), None, log.events)


async def test_an_engine_that_was_never_there_is_told_once(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frontdoor.watch.slot_watch.FIRST_LOOK_S", 0.001)
    door = watch(log)
    await door.first_look()
    [event] = log.named("slot_changed")
    assert event["reason"] == "unreachable"
    await door.first_look()
    assert len(log.named("slot_changed")) == 1


async def test_a_change_before_the_first_look_ends_is_not_told_again(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frontdoor.watch.slot_watch.FIRST_LOOK_S", 0.001)
    door = watch(log)
    door.backend = Backend(BackendState.SERVING, URL, "m")
    door.look()
    await door.first_look()
    assert [event["reason"] for event in log.named("slot_changed")] == [None]


def test_the_engine_says_how_long_a_sequence_may_be(log: Log) -> None:
    door = watch(log)
    assert door.max_model_len is None
    door.backend = Backend(BackendState.SERVING, URL, "m", max_model_len=2048)
    assert door.max_model_len == 2048


@pytest.mark.parametrize(
    ("settings", "warnings"),
    [
        ({}, 0),
        ({"token_admission": "true"}, 1),
        ({"token_admission": "true", "kv_cache_tokens": "9"}, 0),
    ],
)
def test_token_admission_without_a_cache_size_is_warned_of_once(log: Log, caplog, settings, warnings) -> None:
    door = watch(log, **settings)
    door.backend = Backend(BackendState.SERVING, URL, "m")
    with caplog.at_level(logging.WARNING):
        door.look()
        door.look()
    assert [record.message.split()[0] for record in caplog.records] == ["FRONTDOOR_TOKEN_ADMISSION"] * warnings


def test_a_reload_that_changes_nothing_says_nothing(log: Log) -> None:
    watch(log).reload()
    assert log.named("settings_changed") == []


def test_what_counts_from_the_next_start_is_warned_of(log: Log, caplog) -> None:
    door = SlotWatch(Sources({}, {}), Settings(control_socket="/run/x", max_images=1), None, log.events)
    door.reload()
    assert log.named("settings_changed")[0]["changed"] == ["control_socket", "max_images"]
    assert [record.message for record in caplog.records] == [
        "FRONTDOOR_CONTROL_SOCKET: what changed here counts from the next start, not now"
    ]


def test_what_cannot_be_used_is_told(log: Log) -> None:
    watch(log).tell_unusable(BadSettings(["FRONTDOOR_X: found this"]))
    assert log.named("settings_changed")[0]["error"] == "FRONTDOOR_X: found this"


@pytest.mark.parametrize(
    ("told", "used"),
    [
        ("http://127.0.0.1:18081", "http://127.0.0.1:18081"),
        ("http://[::1]:18080", "http://[::1]:18080"),
        ("http://192.0.2.7:80", URL),
        ("http://127.0.0.1@192.0.2.7:80", URL),
        ("https://127.0.0.1:18081", URL),
        ("file:///etc/passwd", URL),
    ],
)
def test_prompts_go_to_no_other_machine_on_the_word_of_a_snapshot(log: Log, told: str, used: str) -> None:
    door = SlotWatch(Sources({}, {}), Settings(backend_url=URL), None, log.events)
    door.slot = snapshot(engine_url=told)
    assert door.backend_url == used
