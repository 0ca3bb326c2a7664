from __future__ import annotations

from typing import Any

import pytest

from slot.simulator import asks, tokens
from slot.simulator.faults import FaultName
from slot.simulator.prompts import Served, conversation
from slot.simulator.refusals import Refusal

SERVED = Served(("tiny", "other"), max_model_len=100, image_limit=2, auto_tool_choice=False)
HELLO = [{"role": "user", "content": "hello"}]
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
ROOMY = Served(("tiny",), max_model_len=10_000, image_limit=2)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"prompt": "hello"}, {"prompts": (tokens.encode("hello"),), "max_tokens": 16, "model": "tiny"}),
        ({"prompt": ["a", "b"]}, {"prompts": (tokens.encode("a"), tokens.encode("b"))}),
        ({"prompt": [5, 6]}, {"prompts": ([5, 6],)}),
        ({"prompt": [[5], [6, 7]]}, {"prompts": ([5], [6, 7])}),
        ({"prompt": "a", "model": "other"}, {"model": "other"}),
        ({"prompt": "a", "max_tokens": None}, {"max_tokens": 16}),
        ({"prompt": "a", "temperature": 0}, {"greedy": True}),
        ({"prompt": "a"}, {"greedy": False, "stops": (), "logprobs": None, "stream": False, "fault": None}),
        ({"prompt": "a", "stop": "x"}, {"stops": ("x",)}),
        ({"prompt": "a", "stop": ["x", "y"]}, {"stops": ("x", "y")}),
        ({"prompt": "a", "logprobs": 0}, {"logprobs": 0}),
        ({"prompt": "a", "n": 2, "seed": 3}, {"choices": 2, "seed": 3}),
        ({"prompt": "a", "echo": True}, {"echo": True}),
        (
            {"prompt": "a", "stream": True, "stream_options": {"include_usage": True}},
            {"stream": True, "include_usage": True, "continuous_usage": False},
        ),
        ({"prompt": "a", "surprise": 1}, {}),
    ],
)
def test_completion(body: dict[str, Any], expected: dict[str, Any]) -> None:
    ask = asks.completion(body, SERVED)
    assert {name: getattr(ask, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"messages": HELLO}, {"max_tokens": None, "logprobs": None}),
        ({"messages": HELLO, "max_tokens": 5}, {"max_tokens": 5}),
        ({"messages": HELLO, "max_tokens": 5, "max_completion_tokens": 6}, {"max_tokens": 6}),
        ({"messages": HELLO, "logprobs": True}, {"logprobs": 0}),
        ({"messages": HELLO, "logprobs": True, "top_logprobs": 3}, {"logprobs": 3}),
        ({"messages": HELLO, "top_logprobs": 3}, {"logprobs": None}),
        ({"messages": HELLO, "echo": True}, {"echo": False}),
        ({"messages": HELLO, "tools": [{}], "tool_choice": "none"}, {}),
    ],
)
def test_chat(body: dict[str, Any], expected: dict[str, Any]) -> None:
    ask = asks.chat(body, SERVED)
    assert {name: getattr(ask, name) for name in expected} == expected


def test_a_fault_of_this_request() -> None:
    ask = asks.chat({"messages": HELLO, "simulator_fault": "garbage"}, SERVED)
    assert ask.fault is not None and ask.fault.name is FaultName.GARBAGE


def test_responses_and_messages() -> None:
    as_response = asks.response({"input": "hello", "max_output_tokens": 5}, SERVED)
    as_messages = asks.response({"input": HELLO, "max_output_tokens": 5}, SERVED)
    as_message = asks.message({"messages": HELLO, "max_tokens": 5, "stop_sequences": ["x"]}, SERVED)
    assert as_response.prompts == as_messages.prompts == as_message.prompts
    assert (as_response.max_tokens, as_message.max_tokens, as_message.stops) == (5, 5, ("x",))
    with_system = asks.message({"messages": HELLO, "system": "be brief", "max_tokens": 5}, SERVED)
    assert len(with_system.prompts[0]) > len(as_message.prompts[0])


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"prompt": "a", "simulator_fault": "ignore_sigterm"}, 400, "simulator_fault"),
        ({"prompt": "a", "simulator_fault": "nonsense"}, 400, "simulator_fault"),
        ({"prompt": "a", "model": "nope"}, 404, "model"),
        ({"prompt": "a", "logprobs": 20}, None, None),
        ({"prompt": "a", "logprobs": 21}, 400, "logprobs"),
        ({"prompt": "a", "seed": "x"}, 400, "body.seed"),
        ({"prompt": "a", "max_tokens": True}, 400, "body.max_tokens"),
        ({"prompt": "a", "temperature": "hot"}, 400, "body.temperature"),
        ({"prompt": [5] * 99, "max_tokens": 1}, None, None),
        ({"prompt": [5] * 99, "max_tokens": 50}, None, None),
        ({"prompt": [5] * 100, "max_tokens": 1}, 400, "max_tokens"),
        ({"prompt": [5] * 101, "max_tokens": 1}, 400, "input_tokens"),
        ({"prompt": "a", "max_tokens": 100}, None, None),
        ({"prompt": "a", "max_tokens": 101}, 400, "max_tokens"),
    ],
)
def test_limits(body: dict[str, Any], status: int | None, param: str | None) -> None:
    if status is None:
        asks.completion(body, SERVED)
        return
    with pytest.raises(Refusal) as caught:
        asks.completion(body, SERVED)
    assert (caught.value.status, caught.value.param) == (status, param)


@pytest.mark.parametrize(("prompt", "max_tokens", "budget"), [(1, None, 99), (1, 5, 5), (99, None, 1), (99, 50, 1)])
def test_budget(prompt: int, max_tokens: int | None, budget: int) -> None:
    ask = asks.Ask(model="tiny", prompts=([5] * prompt,), max_tokens=max_tokens)
    assert ask.budget(ask.prompts[0], 100) == budget


@pytest.mark.parametrize(
    ("pictures", "served", "said"),
    [
        (1, Served(("tiny",), 10_000), "tiny is not a multimodal model"),
        (2, ROOMY, None),
        (3, ROOMY, "At most 2 image(s) may be provided in one prompt."),
    ],
)
def test_pictures(pictures: int, served: Served, said: str | None) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "look"}, *[PICTURE] * pictures]}]
    if said is None:
        assert len(conversation(messages, served)) > pictures * 256
        return
    with pytest.raises(Refusal) as caught:
        conversation(messages, served)
    assert caught.value.message == said


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b'{"a": ' + b"1" * 10_000 + b"}", b"\xff", b'{"a": 1} trailing', b'"text"', b"7"]
)
def test_odd_bodies_are_refused(text: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        asks.body_of(text, "application/json")
    assert caught.value.status == 400
