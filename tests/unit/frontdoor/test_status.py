"""What `/status` says, and that it stays small whatever goes on."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from calls import call, occupancy, watch

from frontdoor.admission.admission import Admission, Limits
from frontdoor.answers.json_text import Tokens
from frontdoor.engine.availability import paused
from frontdoor.record.call import Phase
from frontdoor.view.status import MAX_QUEUE, MAX_REQUESTS, status


def told(held: Any, seen: Any = None) -> Any:
    """As a client gets it."""
    return msgspec.json.decode(msgspec.json.encode(status(seen or watch(), held)))


def crowd(size: int, cap: int) -> Any:
    """So many requests, each of another client, arrived one second after the other; `cap` of them run."""
    generations = Admission(Limits(cap, max_waiting=size))
    calls = [
        call(
            request_id=f"r{number}",
            identity=f"client {number}",
            started=100.0 + number,
            ticket=generations.ask(f"client {number}", None, 1.0, 100.0),
            phase=Phase.DECODE if number < cap else Phase.QUEUED,
        )
        for number in range(size)
    ]
    return occupancy(generations=generations, calls=set(calls), now=100.0 + size)


def test_the_names_that_others_read_are_there() -> None:
    body = told(occupancy(generation_requests=12))
    assert {"ok", "reason", "message", "model_slot", "slot", "frontdoor"} <= set(body)
    assert set(body["model_slot"]) == {"name", "title", "hf_id", "modalities", "status"}
    assert {
        "host": "127.0.0.1",
        "port": 8000,
        "backend": "http://127.0.0.1:18080",
        "max_active_generations": 8,
        "queue_timeout_s": 0.0,
        "max_queued": 0,
        "active_generations": 0,
        "queued_generations": 0,
        "total_generation_requests": 12,
        "event_logging": True,
        "auth": "none",
    }.items() <= body["frontdoor"].items()
    assert (body["ok"], body["reason"]) == (False, "unreachable")


def test_the_process_is_told_of() -> None:
    body = told(occupancy(connections=3, checks_keys=True))["frontdoor"]
    assert (body["uptime_s"], body["connections"], body["auth"], body["tls"]) == (20.0, 3, "keys", False)
    assert body["pid"] > 0


def test_who_waits_is_told_in_the_order_of_arrival() -> None:
    body = told(crowd(4, cap=2))
    assert body["queue"] == [
        {"position": 1, "waited_s": 2.0, "client": "client 2", "route": "/v1/chat/completions", "weight": 1},
        {"position": 2, "waited_s": 1.0, "client": "client 3", "route": "/v1/chat/completions", "weight": 1},
    ]


def test_what_runs_is_told_oldest_first() -> None:
    one = call(started=101.0, phase=Phase.DECODE, stream=True, events=7, pings=1, request_id="old", identity="alice")
    other = call(started=102.0, phase=Phase.PREFILL, tokens=Tokens(5, 9, 0), request_id="young")
    body = told(occupancy(calls={one, other}))
    assert [request["request_id"] for request in body["requests"]] == ["old", "young"]
    assert body["requests"][0] == {
        "request_id": "old",
        "age_s": 9.0,
        "phase": "decode",
        "client": "alice",
        "route": "/v1/chat/completions",
        "weight": 1,
        "stream": True,
        "tokens": 7,
        "pings": 1,
    }
    assert body["requests"][1]["tokens"] == 9


def test_a_request_that_is_none_yet_is_told_as_well() -> None:
    assert told(occupancy(calls=[call("/made/up")]))["requests"][0]["route"] is None


def test_a_crowd_does_not_make_it_large() -> None:
    body = told(crowd(1000, cap=200))
    assert (len(body["queue"]), len(body["requests"]), len(body["clients"])) == (MAX_QUEUE, MAX_REQUESTS, 10)
    assert body["queue"][-1]["position"] == MAX_QUEUE
    assert body["requests"][0]["request_id"] == "r0"
    assert body["clients"][0] == {"client": "client 0", "active": 1, "waiting": 0, "kv_tokens": 0}


def test_names_of_clients_are_cut() -> None:
    body = told(occupancy(calls=[call(identity="x" * 5000)]))
    assert len(body["requests"][0]["client"]) == 100


def test_no_key_is_in_it() -> None:
    assert b"secret" not in msgspec.json.encode(status(watch(), occupancy(calls=[call(), call("/made/up")])))


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("new model", {"by": "control_socket", "why": "new model"}), (None, {"by": "pause_file", "why": None})],
)
def test_a_pause_is_told_with_who_and_why(reason, expected) -> None:
    seen = watch()
    seen.closed = paused("by its pause file")
    assert told(occupancy(paused=reason), seen)["frontdoor"]["paused"] == expected
    assert told(occupancy())["frontdoor"]["paused"] is None


def test_limits_are_told() -> None:
    limits = Limits(8, per_client=2, fair_share=True, kv_tokens=5000)
    body = told(occupancy(generations=Admission(limits)))["frontdoor"]["limits"]
    assert (body["max_active_per_client"], body["fair_share"], body["kv_tokens"]) == (2, True, 5000)
    assert body["max_body_bytes"] == 64 << 20
