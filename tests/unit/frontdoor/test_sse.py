"""Event streams, cut into pieces at every byte, and everything in them that a client would swallow."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.answers import sse
from frontdoor.answers.json_text import Tokens
from frontdoor.answers.sse import StreamReader, StreamState, ping
from frontdoor.refusal import Reason
from frontdoor.routes import Dialect

READING, DONE_, FAILED = StreamState.READING, StreamState.DONE, StreamState.FAILED

ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
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
NAN = b'data: {"choices":[{"logprobs":{"token_logprobs":[NaN]}}]}\n\n'
BROKEN = b'data: {"choices":[{"delta":{"content":"ha\n\n'
STRAY_ERROR = b'event: error\ndata: {"message":"engine failure"}\n\n'

ANTHROPIC = (
    b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":9}}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"hi"}}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":4}}\n\n'
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
        (Dialect.OPENAI, b"", READING, (0, 0, 0)),
        (Dialect.OPENAI, CHUNK, READING, (0, 0, 0)),
        (Dialect.OPENAI, CHUNK + LAST, READING, (0, 0, 0)),
        (Dialect.OPENAI, CHUNK + LAST + USAGE + DONE, DONE_, (11, 5, 8)),
        (Dialect.OPENAI, DONE, DONE_, (0, 0, 0)),
        (Dialect.OPENAI, b"data:[DONE]\n\n", DONE_, (0, 0, 0)),
        (Dialect.OPENAI, b"data: [DONE]\r\n\r\n", DONE_, (0, 0, 0)),
        (Dialect.OPENAI, b"data: [DONE]\r\r", DONE_, (0, 0, 0)),
        (Dialect.OPENAI, b"data: [DONE]\n", DONE_, (0, 0, 0)),
        (Dialect.OPENAI, b"data: [DONE]", DONE_, (0, 0, 0)),
        (Dialect.OPENAI, PING + DONE, DONE_, (0, 0, 0)),
        (Dialect.OPENAI, DONE + ERROR, DONE_, (0, 0, 0)),
        (Dialect.OPENAI, b'data: {"usage":\ndata: {"prompt_tokens":3}}\n\n', READING, (3, 0, 0)),
        (Dialect.OPENAI, b'data: {"choices":[{"delta":{"content":"[DONE]"}}]}\n\n', READING, (0, 0, 0)),
        (Dialect.OPENAI, b'data: {"choices":[{"delta":{"content":"abort"}}]}\n\n', READING, (0, 0, 0)),
        (Dialect.OPENAI, b'data: {"token":"error","usage":null}\n\n', READING, (0, 0, 0)),
        (Dialect.OPENAI, b'data: {"error":null}\n\n', READING, (0, 0, 0)),
        (Dialect.OPENAI, CHUNK + ERROR + DONE, FAILED, (0, 0, 0)),
        (Dialect.OPENAI, CHUNK + ABORT + DONE, FAILED, (0, 0, 0)),
        (Dialect.ANTHROPIC, ANTHROPIC, DONE_, (9, 4, 0)),
        (Dialect.ANTHROPIC, ANTHROPIC[: ANTHROPIC.index(b"event: message_stop")], READING, (9, 4, 0)),
        (Dialect.RESPONSES, RESPONSES, DONE_, (9, 4, 2)),
        (Dialect.RESPONSES, b'data: {"type":"response.failed"}\n\n', DONE_, (0, 0, 0)),
        (Dialect.RESPONSES, b'data: {"type":"response.in_progress"}\n\n', READING, (0, 0, 0)),
    ],
)
def test_what_is_known_of_a_stream_at_its_end(dialect, data, state, tokens) -> None:
    reader, _ = pass_through(data, [], dialect)
    assert (reader.state, reader.tokens) == (state, Tokens(*tokens))
    assert (reader.trouble is not None) == (state is FAILED)
    for cut in range(1, len(data)):  # wherever it is cut in two, the same is known
        reader, _ = pass_through(data, [cut], dialect)
        assert (reader.state, reader.tokens) == (state, Tokens(*tokens)), data[:cut]


@pytest.mark.parametrize(
    ("failing", "code"),
    [
        (NAN, "invalid_number_in_answer"),
        (b'data: {"x":-Infinity}\n\n', "invalid_number_in_answer"),
        (BROKEN, "upstream_protocol_error"),
        (b"data: oops\n\n", "upstream_protocol_error"),
        (b'data: {"a":1} {"b":2}\n\n', "upstream_protocol_error"),
        (b'data: {"a":1}\ndata: {"b":2}\n\n', "upstream_protocol_error"),
        (b'data: {"a":"\xff"}\n\n', "upstream_protocol_error"),
        (b"data: [1]\n\n", "upstream_protocol_error"),
        (b"data: 1\n\n", "upstream_protocol_error"),
        # openai-python dies of empty data, and other servers keep a connection alive with it
        (b"data: \n\n", "upstream_protocol_error"),
        (b"data:\n\n", "upstream_protocol_error"),
        (b"data\n\n", "upstream_protocol_error"),
        (b"event: x\ndata:\nid: 1\n\n", "upstream_protocol_error"),
        # lines that every client drops in silence
        (b'\xef\xbb\xbfdata: {"a":1}\n\n', "upstream_protocol_error"),
        (b'{"error":{"message":"not an event"}}\n\n', "upstream_protocol_error"),
        (b'data: {"a":1}\nTraceback (most recent call last):\n\n', "upstream_protocol_error"),
        (b'data : {"a":1}\n\n', "upstream_protocol_error"),
        # errors that clients take for a chunk, or do not see at all
        (STRAY_ERROR, "engine_error"),
        (b'event: error\ndata: {"error":"in a word"}\n\n', "engine_error"),
        (b"event: error\ndata: no JSON\n\n", "engine_error"),
        (b"event: error\n\n", "engine_error"),
        (b'data: {"error":"in a word"}\n\n', "engine_error"),
        (b'data: {"type":"error","message":"the Responses API has this form"}\n\n', "engine_error"),
        (b'data: {"error":["a list"]}\n\n', "engine_error"),
        (ABORT, "engine_error"),
        (b'data: {"choices":[{"finish_reason":"stop"},{"finish_reason":"error"}]}\n\n', "engine_error"),
        (b'data: {"choices":null,"error":"beside something odd"}\n\n', "engine_error"),
        (b'data: {"x":"\\ud800","choices":[{"finish_reason":"abort"}]}\n\n', "engine_error"),
    ],
)
def test_what_a_client_would_swallow_never_passes_nor_does_anything_after_it(failing, code) -> None:
    reader = StreamReader(Dialect.OPENAI)
    assert reader.feed(CHUNK + failing + CHUNK + DONE) == CHUNK
    assert reader.feed(DONE) == b""
    assert reader.finish() == b""
    assert (reader.state, reader.error_passed, reader.events_read) == (FAILED, False, 1)
    assert reader.trouble is not None
    assert (reader.trouble.code, reader.trouble.status) == (code, 502)


@pytest.mark.parametrize(
    ("dialect", "failing"),
    [
        (Dialect.OPENAI, ERROR),
        (Dialect.OPENAI, b"event: error\n" + ERROR),
        (Dialect.RESPONSES, ERROR),
        (Dialect.ANTHROPIC, b'event: error\ndata: {"type":"error","error":{"message":"EngineCore encountered"}}\n\n'),
    ],
)
def test_an_error_that_clients_raise_on_passes_and_is_the_last(dialect, failing) -> None:
    reader = StreamReader(dialect)
    assert reader.feed(PING + failing + DONE) == PING + failing
    assert (reader.state, reader.error_passed) == (FAILED, True)
    assert reader.trouble is not None
    assert reader.trouble.reason is Reason.ENGINE_ERROR
    assert "EngineCore encountered" in reader.trouble.message


def test_an_error_in_a_message_needs_its_name_because_that_is_all_the_sdk_looks_at() -> None:
    reader = StreamReader(Dialect.ANTHROPIC)
    assert reader.feed(b'data: {"type":"error","error":{"type":"api_error","message":"m"}}\n\n') == b""
    assert (reader.state, reader.error_passed) == (FAILED, False)


@pytest.mark.parametrize("dialect", [Dialect.ANTHROPIC, Dialect.RESPONSES])
def test_openais_end_mark_ends_no_other_dialect(dialect) -> None:
    reader = StreamReader(dialect)
    assert reader.feed(DONE) == b""
    assert reader.state is FAILED


@pytest.mark.parametrize("more", [CHUNK, ERROR, PING, DONE, b"data: half"])
def test_nothing_passes_after_the_end(more) -> None:
    reader = StreamReader(Dialect.OPENAI)
    assert reader.feed(CHUNK + DONE + more) == CHUNK + DONE
    assert reader.feed(more) == b""
    assert reader.finish() == b""
    assert reader.state is DONE_


@pytest.mark.parametrize(
    "event",
    [
        PING,
        b": ping\n" + CHUNK,
        b":\n\n",
        b"retry: 3000\n\n",
        b"id: 7\n" + CHUNK,
        b"id\n" + CHUNK,
        b"event: chunk\n" + CHUNK,
        b'event: error\nevent: chunk\ndata: {"a":1}\n\n',
        b'data:{"a":1}\n\n',
        b'data: {"a":\ndata: 1}\n\n',
        b'data: {"a":1e400}\n\n',
        b"\n" + CHUNK,
        b"\n\n" + CHUNK,
        'data: {"a":"\u20ac\u2028"}\n\n'.encode(),
    ],
)
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_what_is_well_formed_passes_as_it_came(event, ending) -> None:
    event = event.replace(b"\n", ending)
    reader, passed = pass_through(event + DONE, [])
    assert passed == event + DONE
    assert reader.state is DONE_


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_an_event_passes_as_soon_as_its_empty_line_is_there(ending) -> None:
    event = b"event: x" + ending + b'data: {"n":1}' + ending + ending
    for cut in range(len(event)):
        reader = StreamReader(Dialect.OPENAI)
        assert reader.feed(event[:cut]) == b""
        assert reader.feed(event[cut:]) == event


def test_a_cr_that_came_last_waits_for_the_next_byte() -> None:
    event = b'data: {"n":1}\r\r'
    reader = StreamReader(Dialect.OPENAI)
    assert reader.feed(event) == b""
    assert reader.feed(b"data") == event


@pytest.mark.parametrize("end", [DONE, ERROR], ids=["DONE", "error"])
def test_an_end_is_completed_when_its_empty_line_is_missing(end) -> None:
    reader = StreamReader(Dialect.OPENAI)
    assert reader.feed(CHUNK + end[:-2]) == CHUNK
    assert reader.finish() == end
    assert reader.state is not READING
    assert reader.finish() == b""


@pytest.mark.parametrize("half", [b'data: {"half', CHUNK[:-2], ABORT[:-1], b"event: err", b"d"])
def test_half_an_event_is_dropped_at_the_end(half) -> None:
    reader = StreamReader(Dialect.OPENAI)
    assert reader.feed(CHUNK + half) == CHUNK
    assert reader.finish() == b""
    assert (reader.state, reader.trouble) == (READING, None)


def test_an_event_without_an_end_is_not_kept_for_ever(monkeypatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 100)
    reader = StreamReader(Dialect.OPENAI)
    assert reader.feed(CHUNK + b"data: " + b"x" * 94) == CHUNK
    assert reader.feed(b"x") == b""
    assert reader.trouble is not None and "more than 100 bytes" in reader.trouble.message
    assert (reader.state, reader.finish()) == (FAILED, b"")


def test_events_and_the_first_token_are_counted() -> None:
    reader = StreamReader(Dialect.OPENAI)
    counted = []
    for event in (PING, ROLE, PING, CHUNK, LAST, USAGE, DONE):
        reader.feed(event)
        counted.append((reader.events_read, reader.has_content))
    assert counted == [(0, False), (1, False), (1, False), (2, True), (3, True), (4, True), (4, True)]


def test_a_ping_is_a_comment_but_for_anthropic() -> None:
    assert ping(Dialect.OPENAI, False) == ping(Dialect.RESPONSES, False) == b": ping\n\n"
    assert ping(Dialect.OPENAI, True) == b": ping\n"  # an empty line would be an event to openai-python
    assert ping(Dialect.ANTHROPIC, False) == ping(Dialect.ANTHROPIC, True) == b'event: ping\ndata: {"type": "ping"}\n\n'


@pytest.mark.parametrize(("event", "uses_ids"), [(CHUNK, False), (b"id: 1\n" + CHUNK, True), (b"id\n" + CHUNK, True)])
def test_the_reader_knows_whether_the_stream_uses_ids(event, uses_ids) -> None:
    reader = StreamReader(Dialect.OPENAI)
    reader.feed(event)
    assert reader.uses_ids is uses_ids


words = st.text(max_size=12).map(lambda text: b"data: " + json.dumps({"content": text}).encode() + b"\n\n")
pieces = st.sampled_from([CHUNK, LAST, USAGE, PING, b"\n", b"id: 1\n", b": c\n", b"event: x\n"])
troubles = st.sampled_from([ERROR, ABORT, NAN, BROKEN, STRAY_ERROR, DONE, b"data: \n\n", b"junk\n\n", b"data: {\n\n"])
endings = st.sampled_from([b"\n", b"\r\n", b"\r"])
good_streams = st.lists(st.one_of(words, pieces), max_size=8).map(b"".join)
streams = st.lists(st.one_of(words, pieces, troubles), max_size=8).map(b"".join)
mixed = st.lists(st.sampled_from([b"data: 1", b'data: {"a":1}', b":", b"x", b"\n", b"\r", b"\r\n"]), max_size=20).map(
    b"".join
)


@given(stream=good_streams, cuts=st.lists(st.integers(0, 600), max_size=12), ending=endings)
def test_a_good_stream_passes_as_the_same_bytes_however_it_is_cut(stream, cuts, ending) -> None:
    data = (stream + b"\n\n" + DONE).replace(b"\n", ending)
    reader, passed = pass_through(data, [min(cut, len(data)) for cut in cuts])
    assert passed.removesuffix(b"\n\n") == data.removesuffix(b"\n\n")  # finish() completes a last CR
    assert reader.state is DONE_


@given(data=st.one_of(streams, mixed, st.binary(max_size=200)), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_whatever_passes_is_a_prefix_in_whole_events(data, cuts) -> None:
    reader = StreamReader(Dialect.OPENAI)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    passed = b""
    for start, end in zip(edges, edges[1:], strict=False):
        passed += reader.feed(data[start:end])
        assert data.startswith(passed)
        assert not passed or passed.splitlines(keepends=True)[-1].strip() == b""


def known(reader: StreamReader) -> tuple[object, ...]:
    return reader.state, reader.trouble, reader.error_passed, reader.tokens, reader.events_read, reader.has_content


@given(
    data=st.one_of(streams, mixed, st.binary(max_size=300)),
    ending=endings,
    dialect=st.sampled_from(Dialect),
    cuts=st.lists(st.integers(0, 600), max_size=12),
)
def test_however_it_is_cut_the_same_passes_and_the_same_is_known(data, ending, dialect, cuts) -> None:
    data = data.replace(b"\n", ending)
    at_once, whole = pass_through(data, [], dialect)
    for edges in (range(len(data)), [min(cut, len(data)) for cut in cuts]):
        in_pieces, passed = pass_through(data, list(edges), dialect)
        assert passed == whole
        assert known(in_pieces) == known(at_once)


# What may stand where a text stood: texts, and everything by which something else could be made of one.
texts = st.one_of(
    st.text(max_size=8).map(lambda text: json.dumps(text)[1:-1].encode()),
    st.text(max_size=8).map(lambda text: json.dumps(text, ensure_ascii=False)[1:-1].encode(errors="surrogatepass")),
    st.lists(
        st.sampled_from(
            [b"a", b'"', b"\\", b"\n", b"\r", b"\x00", b"\x1f", b"\xff", b"\xc3", b"\xa9", b"\\ud800", b"{", b"}"]
            + [b'","finish_reason":"abort","x":"', b'"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3}}\n\n']
        ),
        max_size=5,
    ).map(b"".join),
)
frames = st.sampled_from(
    [
        (b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"', b'"},"finish_reason":null}]}\n\n'),
        (b'data: {"choices":[{"index":0,"text":"', b'","finish_reason":null}],"usage":null}\n\n'),
        (b'data: {"choices":[{"delta":{"reasoning_content":"', b'"}}]}\n\n'),
        # the name is another one: `"content` with a quote of its own in front
        (b'data: {"choices":[{"delta":{"\\"content":"', b'"}}]}\n\n'),
        # the same name once more behind the first
        (b'data: {"choices":[{"delta":{"content":"a","x":{"content":"', b'"}}}]}\n\n'),
        (b'data: {"choices":[{"finish_reason":"', b'"}]}\n\n'),
        (b'data: {"choices":[],"error":"', b'"}\n\n'),
        (b'data: {"status":"cancelled","choices":[{"text":"', b'"}]}\n\n'),
    ]
)


@given(st.lists(st.tuples(frames, texts), min_size=2, max_size=6))
def test_an_event_that_is_like_the_one_before_it_is_judged_as_if_it_were_the_first(told) -> None:
    data = [CHUNK, *(before + text + behind for (before, behind), text in told)]
    reader, alone = StreamReader(Dialect.OPENAI), StreamReader(Dialect.OPENAI)
    for event in data:
        # in two pieces nothing is found at a glance
        assert reader.feed(event) == alone.feed(event[:-1]) + alone.feed(event[-1:])
        assert (reader.state, reader.trouble, reader.events_read) == (alone.state, alone.trouble, alone.events_read)
