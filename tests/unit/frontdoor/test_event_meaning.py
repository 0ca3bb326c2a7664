"""Ends, errors, aborts and first tokens, in the words of three dialects."""

from __future__ import annotations

import pytest

from frontdoor.answers.event_meaning import (
    MAX_TOLD_CHARS,
    carries_content,
    clients_raise,
    is_given_up,
    judge_whole,
    reported,
)
from frontdoor.answers.json_text import Fields, read
from frontdoor.routes import Dialect


def fields_of(data: bytes) -> Fields:
    fields = read(data)
    assert isinstance(fields, Fields)
    return fields


@pytest.mark.parametrize(
    ("data", "carries"),
    [
        (b'{"choices":[{"delta":{"role":"assistant","content":""}}]}', False),
        (b'{"choices":[{"delta":{"role":"assistant"}}]}', False),
        (b'{"choices":[{"delta":{"content":"a"}}]}', True),
        (b'{"choices":[{"delta":{"reasoning":"a"}}]}', True),
        (b'{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}', True),
        (b'{"choices":[{"delta":{"tool_calls":[]}}]}', False),
        (b'{"choices":[{"delta":{}},{"delta":{"content":"a"}}]}', True),
        (b'{"choices":[{"delta":{},"finish_reason":"stop"}]}', True),
        (b'{"choices":[{"text":"a"}]}', True),
        (b'{"choices":[{"text":""}]}', False),
        (b'{"choices":[{"delta":7}]}', False),
        (b'{"choices":[]}', False),
        (b"{}", False),
        (b'{"type":"message_start"}', False),
        (b'{"type":"content_block_start"}', False),
        (b'{"type":"ping"}', False),
        (b'{"type":"content_block_delta","delta":{"text":"a"}}', True),
        (b'{"type":"response.created"}', False),
        (b'{"type":"response.output_text.delta","delta":"a"}', True),
        (b'{"type":"response.reasoning_text.delta","delta":"a"}', True),
    ],
)
def test_where_the_first_token_is(data, carries) -> None:
    assert carries_content(fields_of(data)) is carries


@pytest.mark.parametrize(
    ("data", "given_up"),
    [
        (b'{"choices":[{"finish_reason":null}]}', False),
        (b'{"choices":[{"finish_reason":"stop"}]}', False),
        (b'{"choices":[{"finish_reason":"abort"}]}', True),
        (b'{"choices":[{"finish_reason":"error"}]}', True),
        (b'{"choices":[{"finish_reason":"stop"},{"finish_reason":"abort"}]}', True),
        (b'{"type":"message_delta","delta":{"stop_reason":"end_turn"}}', False),
        (b'{"type":"message_delta","delta":{"stop_reason":null}}', True),
        (b'{"type":"message_delta","delta":{}}', False),
        (b'{"type":"message_delta"}', False),
        (b'{"type":"message_start","message":{"stop_reason":null}}', False),
        (b'{"type":"response.completed","response":{"status":"completed"}}', False),
        (b'{"type":"response.completed","response":{"status":"cancelled"}}', True),
        (b'{"object":"response","status":"completed"}', False),
        (b'{"object":"response","status":"incomplete"}', False),
        (b'{"object":"response","status":"cancelled"}', True),
        (b'{"type":"message","stop_reason":"end_turn"}', False),
        (b'{"type":"message","stop_reason":null}', True),
    ],
)
def test_what_giving_up_looks_like(data, given_up) -> None:
    assert is_given_up(fields_of(data)) is given_up


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"choices":[{"finish_reason":"stop"}]}', None),
        (b'{"object":"response","status":"completed","error":null}', None),
        (b'{"choices":[{"finish_reason":"abort"}]}', "gave this generation up"),
        (b'{"error":{"message":"no memory"}}', "no memory"),
        (b'{"error":"no memory"}', "no memory"),
        (b'{"type":"error","error":{"message":"no memory"}}', "no memory"),
    ],
)
def test_a_whole_answer_that_is_none(body, said) -> None:
    trouble = judge_whole(fields_of(body), body)
    assert (said is None) if trouble is None else (said in trouble.message and trouble.status == 502)


@pytest.mark.parametrize(
    ("data", "name", "dialect", "raises"),
    [
        (b'{"error":{"message":"m"}}', b"", Dialect.OPENAI, True),
        (b'{"error":{"message":"m"}}', b"error", Dialect.OPENAI, True),
        (b'{"error":{"code":500}}', b"", Dialect.OPENAI, True),
        (b'{"error":{}}', b"error", Dialect.OPENAI, False),
        (b'{"error":"m"}', b"", Dialect.OPENAI, False),
        (b'{"message":"m"}', b"error", Dialect.OPENAI, False),
        (b'{"error":{"message":"m"}}', b"", Dialect.RESPONSES, True),
        (b'{"type":"error","error":{"message":"m"}}', b"error", Dialect.ANTHROPIC, True),
        (b'{"type":"error","error":{"message":"m"}}', b"", Dialect.ANTHROPIC, False),
    ],
)
def test_on_which_errors_every_client_raises(data, name, dialect, raises) -> None:
    assert clients_raise(fields_of(data), name, dialect) is raises


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"error":{"message":" out of memory "}}', "the engine reported an error: out of memory"),
        (b'{"error":"in a word"}', "the engine reported an error: in a word"),
        (b'{"message":"engine failure"}', "the engine reported an error: engine failure"),
        (b'{"error":{"message":7}}', "the engine reported an error without a word about it"),
        (b'{"error":{},"message":"  "}', "the engine reported an error without a word about it"),
    ],
)
def test_the_engines_words_are_kept(data, told) -> None:
    refusal = reported(fields_of(data), data)
    assert (refusal.message, refusal.code) == (told, "engine_error")


@pytest.mark.parametrize("data", [b"CUDA error\xff", b"x" * 10_000])
def test_words_that_are_no_json_are_kept_up_to_a_limit(data) -> None:
    message = reported(None, data).message
    assert message.startswith("the engine reported an error: ")
    assert len(message) <= len("the engine reported an error: ") + MAX_TOLD_CHARS
