"""The event log: one line each, whatever is in it."""

from __future__ import annotations

import io
import json
import os

import pytest
from calls import call
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.answers.json_text import Tokens
from frontdoor.record.call import Call, Outcome, Phase
from frontdoor.record.events import EventLog, line, request_line
from frontdoor.refusal import Reason


def told(one: Call) -> dict[str, object]:
    return json.loads(request_line(one, "tiny", 5))


def test_a_stream_that_ended_well() -> None:
    one = call(status=200, stream=True, admitted=100.5, first_byte=101.0, first_token=101.25, events=5)
    one.tokens = Tokens(11, 5, 8)
    one.identity, one.pings, one.applied = "alice", 2, ["max_tokens=512"]
    text = request_line(one, "tiny", 5)
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert json.loads(text) == {
        "event": "request",
        "ts_ms": 5,
        "profile": "tiny",
        "request_id": "r1",
        "client": "10.0.0.7",
        "identity": "alice",
        "method": "POST",
        "route": "/v1/chat/completions",
        "kind": "generation",
        "status": 200,
        "stream": True,
        "outcome": "ok",
        "queue_wait_s": 0.5,
        "ttft_s": 1.25,
        "duration_s": 3.0,
        "input_tokens": 11,
        "output_tokens": 5,
        "cached_tokens": 8,
        "pings": 2,
        "applied": ["max_tokens=512"],
    }


def test_what_is_unknown_is_left_out() -> None:
    assert told(call("/made/up", "GET", status=404, outcome=Outcome.REFUSED, reason=Reason.NOT_FOUND)) == {
        "event": "request",
        "ts_ms": 5,
        "profile": "tiny",
        "request_id": "r1",
        "client": "10.0.0.7",
        "method": "GET",
        "path": "/made/up",
        "status": 404,
        "outcome": "refused",
        "reason": "not_found",
        "duration_s": 3.0,
    }


def test_a_client_that_left_is_told_with_where_it_was() -> None:
    assert told(call(outcome=Outcome.CLIENT_LEFT, phase=Phase.PREFILL))["phase"] == "prefill"
    assert "phase" not in told(call(phase=Phase.DECODE))


@pytest.mark.parametrize(("count", "expected"), [(b"1", 1), (b"9", 9), (b"0", None), (b"10", None), (b"x", None)])
def test_only_a_small_number_is_believed_to_be_a_retry(count, expected) -> None:
    assert told(call(retry=count)).get("retry") == expected


def test_neither_a_query_nor_a_key_is_told() -> None:
    assert b"secret" not in request_line(call("/made/up", status=404), "tiny", 5)


def test_an_event_is_one_sorted_json_line() -> None:
    text = line("frontdoor_start", 7, {"port": 1, "host": "h", "profile": None})
    assert text == b'{"event":"frontdoor_start","host":"h","port":1,"profile":null,"ts_ms":7}\n'


HOSTILE = st.text(st.characters(exclude_categories=[]), max_size=400)  # surrogates as well


@given(HOSTILE, HOSTILE, HOSTILE)
def test_nobody_can_write_lines_or_control_sequences_of_his_own(path, identity, method) -> None:
    one = call("/made/up", identity=identity, request_id=path)
    one.request.head.path, one.request.head.method = path, method
    for text in (request_line(one, "tiny", 5), line("settings_changed", 5, {"error": path})):
        assert text.endswith(b"\n")
        assert all(32 <= byte < 128 for byte in text[:-1])
        assert len(text) < 200 * 12 * 4 + 500
        assert json.loads(text)["event"] in ("request", "settings_changed")


def test_texts_are_cut() -> None:
    assert len(told(call("/" + "x" * 5000))["path"]) == 200
    assert len(json.loads(line("settings_changed", 5, {"error": "x" * 5000}))["error"]) == 200


def written(stream: io.BytesIO) -> list[str]:
    return [json.loads(text)["event"] for text in stream.getvalue().splitlines()]


def test_request_events_can_be_left_out() -> None:
    stream = io.BytesIO()
    log = EventLog(stream, requests=False)
    log.ended(call(), "tiny")
    log.emit("frontdoor_stop")
    assert written(stream) == ["frontdoor_stop"]


async def test_an_event_is_written_at_once_with_the_requests_before_it() -> None:
    stream = io.BytesIO()
    log = EventLog(stream)
    log.ended(call(), "tiny")
    assert written(stream) == []
    log.emit("slot_changed")
    assert written(stream) == ["request", "slot_changed"]


def test_a_reader_that_is_gone_stops_nothing() -> None:
    reader, stdout = os.pipe()
    os.close(reader)
    with os.fdopen(stdout, "wb", 0) as stream:
        log = EventLog(stream)
        log.emit("frontdoor_start")
        log.emit("frontdoor_stop")
    assert log.dropped == 2


class Pager(io.BytesIO):
    """A reader that takes nothing for a while."""

    is_standing = True

    def write(self, data: object) -> int:
        return 0 if self.is_standing else super().write(data)  # type: ignore[arg-type]


def test_lines_that_nobody_took_are_told_of_in_the_log() -> None:
    pager = Pager()
    log = EventLog(pager)
    while log.dropped < 3:
        log.emit("slot_changed", message="m" * 200)
    pager.is_standing = False
    log.emit("slot_changed", message="still held up")
    log.emit("slot_changed", message="flowing")
    last = [json.loads(text) for text in pager.getvalue().splitlines()[-2:]]
    assert [(text["event"], text.get("lines"), text.get("message")) for text in last] == [
        ("lines_dropped", 4, None),
        ("slot_changed", None, "flowing"),
    ]
    assert log.dropped == 4
