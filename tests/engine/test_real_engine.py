"""What clients and admins count on, shown on real vLLM. The last test stops what the others shared."""

from __future__ import annotations

import signal
import time
from typing import Any

import openai
import pytest

from slot.state import Lifecycle, LoadPhase, Readiness

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

MODEL = "tiny-qwen3"
CONTEXT = 2048
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]


def test_models_and_context_length(client: openai.OpenAI) -> None:
    models = client.models.list().data
    assert [(model.id, model.model_dump()["max_model_len"]) for model in models] == [
        (MODEL, CONTEXT),
        ("active", CONTEXT),
    ]


def test_text(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=16, extra_body={"ignore_eos": True})
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert (answer.usage.completion_tokens, answer.choices[0].finish_reason) == (16, "length")


def test_streaming(client: openai.OpenAI) -> None:
    with client.chat.completions.create(
        model=MODEL,
        messages=HELLO,
        max_tokens=32,
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"ignore_eos": True},
    ) as stream:
        chunks = list(stream)
    assert len(chunks) >= 3  # the role, text, usage; how much text an event holds depends on how busy vLLM is
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 32


def test_greedy_answers_repeat(client: openai.OpenAI) -> None:
    def ask() -> Any:
        body = {"return_token_ids": True, "ignore_eos": True}
        answer = client.completions.create(
            model=MODEL, prompt="def main", max_tokens=24, temperature=0, extra_body=body
        )
        return answer.choices[0].model_dump()["token_ids"]

    first = ask()
    assert len(first) == 24
    assert [ask(), ask()] == [first, first]


def test_the_request_above_the_cap_is_refused_and_the_next_is_not(stack: Any, client: openai.OpenAI) -> None:
    def stream() -> Any:
        body = {"ignore_eos": True}
        return client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=32, stream=True, extra_body=body)

    with stack.frozen():
        first, second = stream(), stream()  # vLLM sends the head of a stream before it has computed anything

        begun = time.monotonic()
        with pytest.raises(openai.APIStatusError) as refused:
            stream()
        assert time.monotonic() - begun < 1.0
        assert refused.value.status_code == 503
        assert int(refused.value.response.headers["retry-after"]) >= 1
        assert refused.value.code == "server_is_overloaded"

        first.close()
        stack.until_active(1)
        third = stream()
    for admitted in (second, third):
        assert "".join(chunk.choices[0].delta.content or "" for chunk in admitted)


def test_the_engine_stops_working_for_a_client_that_left(stack: Any, client: openai.OpenAI) -> None:
    whole, body = 1900, {"ignore_eos": True}
    for _ in range(20):  # now and then it has finished before it stands still
        tokens_before = stack.metric("generation_tokens_total")
        stream = client.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=whole, stream=True, extra_body=body
        )
        next(stream)
        with stack.frozen():
            was_running = stack.metric("num_requests_running") == 1
            stream.close()
            stack.until_active(0)
        left = time.monotonic()
        stack.until_running(0)
        assert time.monotonic() - left < 2.0
        if was_running and stack.metric("generation_tokens_total") - tokens_before < whole:
            return
    pytest.fail("the engine finished every answer that nobody waited for")


def test_a_prompt_that_is_too_long_gets_the_engines_own_answer(stack: Any) -> None:
    body = {"model": MODEL, "prompt": [5] * (CONTEXT + 1), "max_tokens": 1}
    ours, engines = stack.ask("/v1/completions", body), stack.ask_engine("/v1/completions", body)
    assert ours.status == engines.status == 400
    assert ours.content == engines.content
    assert ours.headers["content-type"] == engines.headers["content-type"]
    assert "maximum context length is 2048 tokens" in ours.json()["error"]["message"]


def test_the_supervisor_reads_the_cpu_engines_words(stack: Any) -> None:
    snapshot = stack.state()
    assert (snapshot.state, snapshot.phase, snapshot.readiness) == (
        Lifecycle.SERVING,
        LoadPhase.READY,
        Readiness.GENERATED,
    )
    assert (snapshot.engine.version, snapshot.engine.max_model_len) == ("0.32.0", CONTEXT)
    assert snapshot.engine.kv_cache_tokens == 2_097_152  # 1 GiB of this model
    assert snapshot.engine.max_concurrency == 1024.0
    assert snapshot.engine.weights_s is not None


def test_status_says_that_it_serves(stack: Any) -> None:
    status = stack.ask("/status").json()
    assert (status["ok"], status["slot"]["state"], status["slot"]["profile"]) == (True, "serving", "tiny-cpu")
    assert status["slot"]["engine"]["kv_cache_tokens"] == 2_097_152


def test_ctrl_c_stops_the_engine_gracefully_and_leaves_no_process(stack: Any) -> None:
    begun = time.monotonic()
    stack.process.send_signal(signal.SIGINT)
    assert stack.process.wait(60) == 0
    # vLLM on the CPU needs 2 to 3 s; at the profile's 30 s it would have been killed
    assert time.monotonic() - begun < 20, stack.output
    stack.until_nothing_is_left()
    assert stack.state().state is Lifecycle.STOPPED
