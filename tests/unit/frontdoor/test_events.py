"""The event log: one line each, whatever is in it."""

from __future__ import annotations

import io
import json

from frontdoor.events import EventLog


def test_an_event_is_one_sorted_json_line() -> None:
    stream = io.BytesIO()
    EventLog(stream).emit("frontdoor_start", port=1, host="h")
    line = stream.getvalue()
    assert line.endswith(b"\n")
    assert list(json.loads(line)) == ["event", "host", "port", "ts_ms"]


def test_nobody_can_write_lines_of_his_own() -> None:
    stream = io.BytesIO()
    EventLog(stream).request(path='x\n{"event":"forged"}\x1b[31m' + "y" * 5000)
    assert stream.getvalue().count(b"\n") == 1
    assert b"\x1b" not in stream.getvalue()
    assert len(stream.getvalue()) < 400


def test_request_events_can_be_left_out() -> None:
    stream = io.BytesIO()
    log = EventLog(stream, requests=False)
    log.request(status=200)
    log.emit("frontdoor_stop")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["frontdoor_stop"]


def test_a_reader_that_is_gone_stops_nothing() -> None:
    class Gone(io.BytesIO):
        def write(self, data: object) -> int:
            raise BrokenPipeError

    log = EventLog(Gone())
    log.emit("frontdoor_start")
    assert log.requests is False
