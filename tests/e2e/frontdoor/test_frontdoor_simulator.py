"""The whole way with a client that people use: openai-python, the frontdoor, an engine with vLLM's face."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import openai
import pytest
from simulated_engine import SimulatedEngine, simulated_engine

TIMING = {
    "load_s": 0.1,
    "weights_s": 0.05,
    "ttft_s": 0.02,
    "prefill_tokens_per_s": 100_000,
    "decode_tokens_per_s": {"1": 200, "8": 1000},
}


@pytest.fixture
def simulator() -> Iterator[SimulatedEngine]:
    with simulated_engine(
        *("--served-model-name", "tiny", "--max-model-len", "2048", "--simulator-timing", json.dumps(TIMING))
    ) as engine:
        yield engine


async def running(engine: SimulatedEngine) -> float:
    """How many requests the engine works on, by its own metrics."""
    return await asyncio.to_thread(engine.metric, "num_requests_running")


@pytest.fixture
async def door(simulator, open_door):
    door = await open_door(backend_url=simulator.url, max_active_generations="2")
    await door.until_open()
    return door


@pytest.fixture
async def client(door) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def chat(client: openai.AsyncOpenAI, *, tokens: int, stream: bool = True, fault: str | None = None):
    return client.chat.completions.create(
        model="tiny",
        messages=[{"role": "user", "content": "Hello"}],
        max_tokens=tokens,
        stream=stream,
        extra_body={"simulator_fault": fault, "ignore_eos": True} if fault else {"ignore_eos": True},
    )


async def words(stream) -> list[str]:
    return [
        chunk.choices[0].delta.content async for chunk in stream if chunk.choices and chunk.choices[0].delta.content
    ]


async def test_text_whole_and_streamed(client, door) -> None:
    whole = await chat(client, tokens=8, stream=False)
    assert whole.usage.completion_tokens == 8
    assert whole.choices[0].message.content
    assert len(await words(await chat(client, tokens=8))) == 8
    await door.until(lambda: len(door.events("request")) == 2)
    told = door.events("request")
    assert [event["outcome"] for event in told] == ["ok", "ok"]
    assert told[1]["stream"] is True
    assert 0 < told[1]["ttft_s"] <= told[1]["duration_s"]


async def test_the_models_list_and_its_context_length(client) -> None:
    models = (await client.models.list()).data
    assert [(model.id, model.max_model_len, model.root) for model in models] == [
        ("tiny", 2048, "tiny"),
        ("active", 2048, "tiny"),
    ]


async def test_too_long_a_prompt_is_the_engines_own_400(client) -> None:
    with pytest.raises(openai.BadRequestError, match="maximum context length is 2048 tokens"):
        await client.completions.create(model="tiny", prompt="word " * 5000, max_tokens=5)


async def test_two_stream_the_third_is_refused_and_comes_in_when_one_ends(client, door) -> None:
    first, second = await chat(client, tokens=400), await chat(client, tokens=1500)
    with pytest.raises(openai.InternalServerError) as refused:
        await chat(client, tokens=4)
    assert refused.value.status_code == 503
    assert refused.value.body["code"] == "server_is_overloaded"
    assert refused.value.response.headers["retry-after"] == "1"
    assert len(await words(first)) == 400
    await door.until(lambda: door.active == 1)
    assert len(await words(await chat(client, tokens=4))) == 4
    await second.close()


async def test_the_sdks_own_retries_find_the_slot_that_became_free(door) -> None:
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="none", max_retries=3) as client:
        streams = [await chat(client, tokens=150) for _ in range(2)]
        third = asyncio.create_task(chat(client, tokens=4))
        assert [len(await words(stream)) for stream in streams] == [150, 150]
        assert len(await words(await third)) == 4
    assert "retry" in door.events("request")[-1]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_ends_the_engines_work(client, door, simulator, stream) -> None:
    asking = asyncio.create_task(chat(client, tokens=1900, stream=stream))
    await door.until(lambda: door.active == 1)
    if stream:
        answer = await asking
        await anext(aiter(answer))
        await answer.close()
    else:
        while await running(simulator) == 0:
            pass
        asking.cancel()
    await door.until(lambda: door.active == 0)
    async with asyncio.timeout(5):
        while await running(simulator):
            pass


@pytest.mark.parametrize("fault", ["die_mid_stream:after_tokens=5", "device_lost:after_tokens=5"])
async def test_an_engine_that_dies_mid_stream_raises_in_the_sdk(client, door, simulator, fault) -> None:
    stream = await chat(client, tokens=50, fault=fault)
    with pytest.raises(openai.APIError):
        await words(stream)
    await door.until(lambda: door.active == 0)


async def test_kill_9_of_the_engine_mid_stream_raises_in_the_sdk_and_closes_the_door(client, door, simulator) -> None:
    stream = await chat(client, tokens=1900)
    await anext(aiter(stream))
    simulator.process.kill()
    with pytest.raises(openai.APIError) as lost:
        await words(stream)
    assert lost.value.code == "upstream_disconnected"
    await door.until(lambda: door.frontdoor.watch.closed is not None)
    with pytest.raises(openai.InternalServerError) as refused:
        await chat(client, tokens=4)
    assert refused.value.body["code"] == "backend_unavailable"


async def test_anthropics_messages_stream_to_their_end(door) -> None:
    client = await door.client()
    await client.post(
        "/v1/messages",
        {"model": "tiny", "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}], "stream": True},
    )
    answer = await client.answer()
    assert answer.status == 200
    stream = await answer.read_some(b"\r\n0\r\n\r\n")
    assert b"event: message_stop" in stream
    [told] = door.events("request")
    assert (told["outcome"], told["output_tokens"]) == ("ok", 4)
