"""Event streams, cut into pieces at every byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor import sse
from frontdoor.routes import Dialect
from frontdoor.sse import EventTooLarge, StreamReader, StreamState, Tokens, read_fields

CHUNK = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = (
    b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5,'
    b'"prompt_tokens_details":{"cached_tokens":8}}}\n\n'
)
DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error": {"message": "EngineCore encountered an issue.", "code": 500}}\n\n'
ABORT = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"abort"}]}\n\n'
PING = b": ping\n\n"

ANTHROPIC = (
    b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":9}}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"hi"}}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":4}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
RESPONSES = (
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"hi"}\n\n'
    b'event: response.completed\ndata: {"type":"response.completed",'
    b'"response":{"usage":{"input_tokens":9,"output_tokens":4,"input_tokens_details":{"cached_tokens":2}}}}\n\n'
)


def pass_through(data: bytes, cuts: list[int], dialect: Dialect = Dialect.OPENAI) -> tuple[StreamReader, bytes]:
    reader = StreamReader(dialect)
    edges = [0, *sorted(cuts), len(data)]
    passed = b"".join(reader.feed(data[start:end]) for start, end in zip(edges, edges[1:], strict=False))
    return reader, passed + reader.finish()


@pytest.mark.parametrize(
    ("dialect", "data", "state", "tokens"),
    [
        (Dialect.OPENAI, CHUNK, StreamState.READING, (0, 0, 0)),
        (Dialect.OPENAI, CHUNK + LAST, StreamState.READING, (0, 0, 0)),
        (Dialect.OPENAI, CHUNK + LAST + USAGE + DONE, StreamState.DONE, (11, 5, 8)),
        (Dialect.OPENAI, DONE, StreamState.DONE, (0, 0, 0)),
        (Dialect.OPENAI, b"data:[DONE]\n\n", StreamState.DONE, (0, 0, 0)),
        (Dialect.OPENAI, b"data: [DONE]\r\n\r\n", StreamState.DONE, (0, 0, 0)),
        (Dialect.OPENAI, b"data: [DONE]\r\r", StreamState.DONE, (0, 0, 0)),
        (Dialect.OPENAI, b"data: [DONE]\n", StreamState.DONE, (0, 0, 0)),
        (Dialect.OPENAI, CHUNK + ERROR, StreamState.FAILED, (0, 0, 0)),
        (Dialect.OPENAI, b'data: {"error":"a word"}\n\n', StreamState.FAILED, (0, 0, 0)),
        (Dialect.OPENAI, b'data: {"error":null}\n\n', StreamState.READING, (0, 0, 0)),
        (Dialect.OPENAI, CHUNK + ABORT, StreamState.FAILED, (0, 0, 0)),
        (Dialect.OPENAI, b'data: {"choices":[{"delta":{"content":"abort"}}]}\n\n', StreamState.READING, (0, 0, 0)),
        (Dialect.OPENAI, b'data: {"choices":[{"delta":{"content":"[DONE]"}}]}\n\n', StreamState.READING, (0, 0, 0)),
        (Dialect.OPENAI, b'data: {"token":"error","usage":null}\n\n', StreamState.READING, (0, 0, 0)),
        (Dialect.OPENAI, b'data: {"usage":7, broken\n\n', StreamState.READING, (0, 0, 0)),
        (Dialect.OPENAI, b'data: {"usage":\ndata: {"prompt_tokens":3}}\n\n', StreamState.READING, (3, 0, 0)),
        (Dialect.OPENAI, PING + DONE, StreamState.DONE, (0, 0, 0)),
        (Dialect.OPENAI, DONE + ERROR, StreamState.DONE, (0, 0, 0)),
        (Dialect.ANTHROPIC, ANTHROPIC, StreamState.DONE, (9, 4, 0)),
        (Dialect.ANTHROPIC, ANTHROPIC[: ANTHROPIC.index(b"event: message_stop")], StreamState.READING, (9, 4, 0)),
        (Dialect.ANTHROPIC, b'event: error\ndata: {"type":"error","error":{}}\n\n', StreamState.READING, (0, 0, 0)),
        (Dialect.ANTHROPIC, b'data: {"type":"error","error":{"type":"x"}}\n\n', StreamState.FAILED, (0, 0, 0)),
        (Dialect.RESPONSES, RESPONSES, StreamState.DONE, (9, 4, 2)),
        (Dialect.RESPONSES, b'data: {"type":"response.failed"}\n\n', StreamState.DONE, (0, 0, 0)),
        (Dialect.RESPONSES, b'data: {"type":"response.in_progress"}\n\n', StreamState.READING, (0, 0, 0)),
        (Dialect.OPENAI, b"", StreamState.READING, (0, 0, 0)),
    ],
)
def test_what_is_known_of_a_stream_at_its_end(dialect, data, state, tokens) -> None:
    reader, _ = pass_through(data, [], dialect)
    assert (reader.state, reader.tokens) == (state, Tokens(*tokens))
    for cut in range(1, len(data)):  # wherever it is cut in two, the same is known
        reader, _ = pass_through(data, [cut], dialect)
        assert (reader.state, reader.tokens) == (state, Tokens(*tokens)), data[:cut]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_every_line_ending_ends_an_event(ending) -> None:
    event = b"event: x" + ending + b"data: 1" + ending + ending
    for cut in range(len(event)):
        reader = StreamReader(Dialect.OPENAI)
        first = reader.feed(event[:cut])
        assert first == b"" or cut == len(event) - 1  # between CR and LF it has ended already
        assert first + reader.feed(event[cut:]) == event


def test_the_mark_of_the_end_is_completed_when_its_empty_line_is_missing() -> None:
    reader = StreamReader(Dialect.OPENAI)
    assert reader.feed(CHUNK + b"data: [DONE]") == CHUNK
    assert reader.finish() == DONE
    assert reader.state is StreamState.DONE


def test_half_an_event_is_dropped_at_the_end() -> None:
    reader = StreamReader(Dialect.OPENAI)
    assert reader.feed(CHUNK + b'data: {"half') == CHUNK
    assert reader.finish() == b""
    assert reader.state is StreamState.READING


@pytest.mark.parametrize(("failing", "told"), [(ERROR, True), (ABORT, False)])
def test_nothing_passes_after_the_event_that_failed_the_stream(failing, told) -> None:
    reader = StreamReader(Dialect.OPENAI)
    assert reader.feed(CHUNK + failing + DONE) == CHUNK + failing
    assert reader.error_passed is told
    assert reader.state is StreamState.FAILED


def test_an_event_without_an_end_is_not_kept_for_ever(monkeypatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 100)
    reader = StreamReader(Dialect.OPENAI)
    reader.feed(b"data: " + b"x" * 94)
    with pytest.raises(EventTooLarge):
        reader.feed(b"x")


words = st.text(max_size=12).map(lambda text: b"data: " + json.dumps({"content": text}).encode() + b"\n\n")
streams = st.lists(st.one_of(words, st.sampled_from([CHUNK, LAST, USAGE, PING])), max_size=8).map(b"".join)


@given(stream=streams, end=st.sampled_from([b"", DONE]), cuts=st.lists(st.integers(0, 600), max_size=12))
def test_any_pieces_pass_as_the_same_bytes(stream, end, cuts) -> None:
    data = stream + end
    reader, passed = pass_through(data, [min(cut, len(data)) for cut in cuts])
    assert passed == data
    assert reader.state is (StreamState.DONE if end else StreamState.READING)


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_any_bytes_pass_in_order_and_only_up_to_the_end_of_an_event(data, cuts) -> None:
    reader = StreamReader(Dialect.OPENAI)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    passed = b""
    for start, end in zip(edges, edges[1:], strict=False):
        passed += reader.feed(data[start:end])
        assert data.startswith(passed)
        assert not passed or passed[-1:] in b"\r\n"


@given(data=st.one_of(streams, st.binary(max_size=300)))
def test_one_byte_at_a_time_is_the_same_as_all_at_once(data) -> None:
    at_once, all_of_it = pass_through(data, [])
    one_by_one, pieces = pass_through(data, list(range(len(data))))
    assert (pieces, one_by_one.state, one_by_one.tokens) == (all_of_it, at_once.state, at_once.tokens)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"type":"\xff"}', b"[" * 100_000, b'{"usage":{"prompt_tokens":1e400}}'])
def test_what_is_no_object_has_no_fields(data) -> None:
    assert read_fields(data) is None
