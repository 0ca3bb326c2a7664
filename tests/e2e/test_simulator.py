"""The simulated engine over real sockets: streams, refusals, faults, and how it stops."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from simulated_engine import SimulatedEngine, simulated_engine

from slot.simulator.cards import FILE_NAME
from slot.simulator.failure_texts import CRASH

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
FAST = ("--served-model-name", "tiny", "--max-model-len", "2048", "--simulator-timing", '{"load_s":0}')
# slow enough to be interrupted, fast enough to be waited for
SLOW = ("--served-model-name", "tiny", "--max-model-len", "2048", "--simulator-timing")
SLOW_TIMING = '{"load_s":0,"decode_tokens_per_s":{"1":50}}'
ENGINE_DEAD = "EngineCore encountered an issue. See stack trace (above) for the root cause."
LONG = {"prompt": "hello", "max_tokens": 2000, "ignore_eos": True, "temperature": 0, "stream": True}


@pytest.fixture(scope="module")
def engine() -> Iterator[SimulatedEngine]:
    """One engine for everything that leaves it as it was."""
    with simulated_engine(*FAST, "--enable-prompt-tokens-details") as running:
        yield running


@contextmanager
def client_of(engine: SimulatedEngine) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{engine.url}/v1", api_key="none", max_retries=0, timeout=20) as client:
        yield client


def read_until(connection: socket.socket, end: bytes) -> bytes:
    """What arrives until `end` is in it. Fails at the end of the connection."""
    got = b""
    while end not in got:
        more = connection.recv(65_536)
        assert more, f"closed after {got[-300:]!r}"
        got += more
    return got


def read_to_the_end(connection: socket.socket) -> bytes:
    got = b""
    with connection:
        while more := connection.recv(65_536):
            got += more
            if got.endswith(b"\r\n0\r\n\r\n"):
                break
    return got


def eventually(engine: SimulatedEngine, metric: str, value: float, within_s: float = 5.0) -> float:
    """Seconds until the metric had the value."""
    began = time.monotonic()
    while engine.metric(metric) != value:
        assert time.monotonic() - began < within_s, f"{metric} is still {engine.metric(metric)}"
    return time.monotonic() - began


# --- what a client sees -------------------------------------------------------------------------------------------


def test_openai_client_without_streaming(engine: SimulatedEngine) -> None:
    with client_of(engine) as client:
        answer = client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=7, temperature=0)
    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].message.content
    assert answer.usage is not None and answer.usage.completion_tokens == 7


def test_openai_client_with_streaming(engine: SimulatedEngine) -> None:
    with client_of(engine) as client:
        whole = client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=20, temperature=0)
        chunks = list(
            client.chat.completions.create(
                model="tiny",
                messages=HELLO,
                max_tokens=20,
                temperature=0,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].choices == [] and chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 20
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["length"]


def test_the_other_apis_stream_too(engine: SimulatedEngine) -> None:
    with client_of(engine) as client:
        events = list(client.responses.create(model="tiny", input="hello", max_output_tokens=5, stream=True))
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        done = events[-1]
        assert done.type == "response.completed" and done.response.output_text == text
        completion = client.completions.create(model="tiny", prompt="hello", max_tokens=5, stream=True)
        assert sum(len(chunk.choices[0].text) for chunk in completion) > 0


def test_an_answer_ends_by_itself(engine: SimulatedEngine) -> None:
    with client_of(engine) as client:
        answer = client.chat.completions.create(model="tiny", messages=HELLO, temperature=0)
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("path", "asked", "end"),
    [
        (
            "/v1/messages",
            {"messages": HELLO, "max_tokens": 900},
            b'event: error\ndata: {"type":"error","error":{"type":',
        ),
        ("/v1/responses", {"input": "hello"}, b"event: response.output_text.delta"),
    ],
)
def test_the_other_apis_break_in_their_own_way(path: str, asked: dict[str, object], end: bytes) -> None:
    with simulated_engine(*SLOW, SLOW_TIMING) as running:
        stream = running.open(path, {**asked, "ignore_eos": True, "stream": True})
        text = read_until(stream, b"delta")
        os.kill(running.children[0], signal.SIGKILL)
        text += read_to_the_end(stream)
        assert end in text
        assert text.endswith(b"\r\n0\r\n\r\n") == (path == "/v1/messages")


def test_greedy_answers_are_the_same_and_seeds_differ() -> None:
    def answers(seed: str) -> list[bytes]:
        with simulated_engine(*FAST, "--simulator-seed", seed) as running:
            body = {"prompt": "hello", "max_tokens": 20, "temperature": 0}
            return [json.loads(running.post("/v1/completions", body)[1])["choices"][0]["text"] for _ in range(2)]

    first, again, other = answers("0"), answers("0"), answers("1")
    assert len({*first, *again}) == 1
    assert set(first).isdisjoint(other)


def test_a_known_prefix_is_told_of(engine: SimulatedEngine) -> None:
    body = {"prompt": [7] * 600, "max_tokens": 1, "temperature": 0}
    engine.post("/v1/completions", body)
    usage = json.loads(engine.post("/v1/completions", body)[1])["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == 512


def test_headers_come_at_once_and_data_later() -> None:
    with simulated_engine(*SLOW, SLOW_TIMING, "--max-num-seqs", "1") as running:
        first, second = running.open("/v1/completions", LONG), running.open("/v1/completions", LONG)
        read_until(first, b"data: ")
        head = read_until(second, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK") and b"data: " not in head
        assert (running.metric("num_requests_running"), running.metric("num_requests_waiting")) == (1, 1)
        first.close()
        read_until(second, b"data: ")
        second.close()


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_is_not_computed_for(stream: bool) -> None:
    with simulated_engine(*SLOW, SLOW_TIMING) as running:
        connection = running.open("/v1/completions", {**LONG, "stream": stream})
        eventually(running, "num_requests_running", 1)
        connection.close()
        assert eventually(running, "num_requests_running", 0) < 1.0  # 50 ms on an idle machine
        assert running.metric("kv_cache_usage_perc") == 0


def test_half_a_close_is_a_close() -> None:
    with simulated_engine(*SLOW, SLOW_TIMING) as running:
        connection = running.open("/v1/completions", LONG)
        read_until(connection, b"data: ")
        connection.shutdown(socket.SHUT_WR)
        read_to_the_end(connection)
        eventually(running, "num_requests_running", 0)


def test_a_key_guards_some_routes_only() -> None:
    with simulated_engine(*FAST, "--api-key", "sk-test") as running:
        assert running.get("/v1/models") == (401, b'{"error":"Unauthorized"}')
        assert running.request("GET", "/v1/models", headers={"Authorization": "Bearer sk-test"})[0] == 200
        assert running.post("/invocations", {"prompt": "a", "max_tokens": 1})[0] == 200


def test_a_pooling_engine_embeds_and_does_not_generate() -> None:
    with simulated_engine(*FAST, "--runner", "pooling") as running:
        with client_of(running) as client:
            answer = client.embeddings.create(model="tiny", input=["one", "two", "one"])
        assert answer.data[0].embedding == answer.data[2].embedding != answer.data[1].embedding
        assert running.post("/v1/completions", {"prompt": "a"})[0] == 404
        ranked = json.loads(running.post("/rerank", {"query": "goodtext", "documents": ["bad", "goodtext"]})[1])
        assert [result["index"] for result in ranked["results"]] == [1, 0]


def test_health_can_be_slow() -> None:
    with simulated_engine(*FAST, "--simulator-fault", "slow_health:seconds=0.3") as running:
        began = time.monotonic()
        assert running.get("/health")[0] == 200
        assert time.monotonic() - began >= 0.3
        assert running.get("/v1/models")[0] == 200


def test_load_is_tracked_when_asked() -> None:
    with simulated_engine(*SLOW, SLOW_TIMING, "--enable-server-load-tracking") as running:
        connection = running.open("/v1/completions", LONG)
        read_until(connection, b"data: ")
        assert json.loads(running.get("/load")[1]) == {"server_load": 1}
        connection.close()


# --- faults of one request ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        ("die_mid_stream:after_tokens=2", rb'"token_ids":null\}\]\}\n\n\r\n$'),  # no 0\r\n\r\n
        ("broken_frame:after_tokens=2", rb'data: \{"id":[^\n]*\r\n0\r\n\r\n$'),
        ("no_done:after_tokens=2", rb'"token_ids":null\}\]\}\n\n\r\n0\r\n\r\n$'),
        ("error_event:after_tokens=2", rb'event: error\ndata: \{"message":"engine failure"\}\n\n\r\n.*data: \[DONE\]'),
        ("error_string:after_tokens=2", rb'data: \{"error":"engine failure"\}\n\n\r\n.*data: \[DONE\]'),
        ("error_frame:after_tokens=2", rb'data: \{"error":\{"message":"EngineCore encountered.*data: \[DONE\]'),
        ("finish_abort:after_tokens=2", rb'"finish_reason":"abort"[^\n]*\n\n\r\n.*data: \[DONE\]\n\n\r\n0\r\n\r\n$'),
    ],
)
def test_broken_streams(engine: SimulatedEngine, fault: str, end: bytes) -> None:
    stream = read_to_the_end(engine.open("/v1/completions", {**LONG, "simulator_fault": fault}))
    assert re.search(end, stream, re.DOTALL), stream[-400:]
    assert stream.count(b'"finish_reason":null') == 2
    eventually(engine, "num_requests_running", 0)


@pytest.mark.parametrize("stream", [True, False])
def test_an_abort_is_no_stop_reason_in_a_message(engine: SimulatedEngine, stream: bool) -> None:
    body = {"messages": HELLO, "max_tokens": 9, "stream": stream, "simulator_fault": "finish_abort"}
    _, text = engine.post("/v1/messages", body)
    assert b'"stop_reason":null' in text.rpartition(b"message_delta")[2]
    assert not stream or text.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("broken_json:after_tokens=2", rb'data: \{"id":[^\n}]*\n\n'),
        ("empty_data:after_tokens=2", rb"data: \n\n"),
        ("pause:after_tokens=2,seconds=0.01", rb"data: "),
        ("pause:seconds=0,how=ids", rb"id: 3\ndata: "),
    ],
)
def test_interrupted_streams(engine: SimulatedEngine, fault: str, found: bytes) -> None:
    stream = read_to_the_end(engine.open("/v1/completions", {**LONG, "max_tokens": 6, "simulator_fault": fault}))
    assert re.search(found, stream), stream
    assert stream.count(b'"finish_reason":null') == 5
    assert b'"finish_reason":"length"' in stream and stream.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("stream", [True, False])
def test_no_head_ever(engine: SimulatedEngine, stream: bool) -> None:
    body = {**LONG, "stream": stream}
    with engine.open("/v1/completions", {**body, "simulator_fault": "die_before_head"}) as connection:
        assert connection.recv(1) == b""
    with engine.open("/v1/completions", {**body, "simulator_fault": "die_before_head:how=rst"}) as connection:
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    silent = engine.open("/v1/completions", {**body, "simulator_fault": "silent_prefill"})
    eventually(engine, "num_requests_running", 1)
    assert not select.select([silent], [], [], 0.1)[0]
    silent.close()
    eventually(engine, "num_requests_running", 0)


@pytest.mark.parametrize(
    ("fault", "status", "found"),
    [
        ("html_error", 502, b"<html>"),
        ("error_frame", 500, b'{"error":{"message":"EngineCore'),
        ("error_event", 500, b'{"message":"engine failure"}'),
        ("error_string", 200, b'{"error":"engine failure"}'),
        ("broken_frame", 200, b'{"id":'),
        ("empty_data", 200, b""),
        ("pause:seconds=0", 200, b'"finish_reason":"length"'),
    ],
)
def test_a_faulty_answer_in_one_piece(engine: SimulatedEngine, fault: str, status: int, found: bytes) -> None:
    body = {**LONG, "max_tokens": 6, "stream": False, "simulator_fault": fault}
    answered, text = engine.post("/v1/completions", body)
    assert answered == status and found in text
    assert fault != "broken_frame" or b'"usage"' not in text


def test_a_connection_can_be_reset(engine: SimulatedEngine) -> None:
    connection = engine.open("/v1/completions", {**LONG, "simulator_fault": "die_mid_stream:how=rst,after_tokens=2"})
    with pytest.raises(ConnectionResetError):
        read_to_the_end(connection)


def test_a_truncated_stream_is_an_error_to_the_client(engine: SimulatedEngine) -> None:
    with client_of(engine) as client, pytest.raises(openai.APIConnectionError):
        fault = {"simulator_fault": "die_mid_stream:after_tokens=2"}
        list(client.chat.completions.create(model="tiny", messages=HELLO, stream=True, extra_body=fault))


def test_half_a_body(engine: SimulatedEngine) -> None:
    body = {**LONG, "max_tokens": 9, "stream": False, "simulator_fault": "die_mid_stream:after_tokens=2"}
    answer = read_to_the_end(engine.open("/v1/completions", body))
    head, _, sent = answer.partition(b"\r\n\r\n")
    promised = re.search(rb"(?i)content-length: (\d+)", head)
    assert promised and 0 < len(sent) < int(promised[1])


def test_a_stalled_stream_leaves_the_others_alone(engine: SimulatedEngine) -> None:
    stalled = engine.open("/v1/completions", {**LONG, "simulator_fault": "stall_mid_stream:after_tokens=2"})
    read_until(stalled, b'"finish_reason":null')
    assert engine.post("/v1/completions", {"prompt": "a", "max_tokens": 3})[0] == 200
    assert engine.metric("num_requests_running") == 1
    readable, _, _ = select.select([stalled], [], [], 0.2)
    assert not readable or stalled.recv(65_536).count(b"data: ") <= 1
    stalled.close()
    eventually(engine, "num_requests_running", 0)


def test_garbage(engine: SimulatedEngine) -> None:
    body = {"prompt": "a", "max_tokens": 6, "simulator_fault": "garbage"}
    assert json.loads(engine.post("/v1/completions", body)[1])["choices"][0]["text"] == "!!!!!!"


@pytest.mark.parametrize(
    ("how", "stream", "status", "found"),
    [
        ("literal", False, 200, b'"token_logprobs":[NaN]'),
        ("literal", True, 200, b'"token_logprobs":[NaN]'),
        ("vllm", False, 400, b"Out of range float values are not JSON compliant: nan"),
        ("vllm", True, 200, b'"token_logprobs":[null]'),
    ],
)
def test_nan(engine: SimulatedEngine, how: str, stream: bool, status: int, found: bytes) -> None:
    body = {"prompt": "a", "max_tokens": 1, "logprobs": 1, "stream": stream, "simulator_fault": f"nan:how={how}"}
    answered, text = engine.post("/v1/completions", body)
    assert answered == status and found in text


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("path", "body"), [("/v1/completions", {"prompt": "a"}), ("/v1/chat/completions", {"messages": HELLO})]
)
def test_nan_needs_no_logprobs_of_the_clients(engine: SimulatedEngine, path: str, body: dict, stream: bool) -> None:
    _, text = engine.post(path, {**body, "max_tokens": 1, "stream": stream, "simulator_fault": "nan"})
    assert b"NaN" in text


# --- faults of the engine -----------------------------------------------------------------------------------------


def test_a_wedged_engine_is_healthy_and_does_nothing() -> None:
    with simulated_engine(*FAST, "--simulator-fault", "stall_mid_stream:after_tokens=2") as running:
        connection = running.open("/v1/completions", LONG)
        eventually(running, "generation_tokens_total", 2)
        second = running.open("/v1/completions", LONG)
        eventually(running, "num_requests_waiting", 1)
        assert running.get("/health") == (200, b"")
        assert running.metric("generation_tokens_total") == 2
        connection.close()
        second.close()


@pytest.mark.parametrize(("how", "running_now"), [("plain", 1), ("zero", 0)])
def test_an_engine_that_is_wedged_for_good_notices_nothing(how: str, running_now: int) -> None:
    with simulated_engine(*FAST, "--simulator-fault", f"wedge:after_tokens=2,how={how}") as running:
        with running.open("/v1/completions", LONG):
            while running.metric("generation_tokens_total") < 2:
                pass
        with running.open("/v1/completions", LONG):  # the first client has left, and it is as before
            made = running.metric("generation_tokens_total")
            assert running.get("/health") == (200, b"")
            assert running.metric("num_requests_running") == running_now
            assert running.metric("num_requests_waiting") == 0
            assert running.metric("generation_tokens_total") == made
        assert running.stop() == 0


def test_a_slow_prefill_moves_the_cache_and_no_counter() -> None:
    with simulated_engine(*FAST) as running:
        asked = {"prompt": "a", "max_tokens": 1, "simulator_fault": "slow_prefill:seconds=30"}
        with running.open("/v1/completions", asked):
            eventually(running, "num_requests_running", 1)
            seen, counted = running.metric("kv_cache_usage_perc"), running.metric("iteration_tokens_total_count")
            while running.metric("kv_cache_usage_perc") == seen:
                pass
            assert (
                running.metric("iteration_tokens_total_count") == counted == running.metric("generation_tokens_total")
            )
        eventually(running, "num_requests_running", 0)


def test_metrics_can_be_slow() -> None:
    with simulated_engine(*FAST, "--simulator-fault", "slow_metrics:seconds=0.3") as running:
        began = time.monotonic()
        assert running.get("/metrics")[0] == 200
        assert time.monotonic() - began >= 0.3


def test_a_crash_of_the_engine_core_ends_the_process_with_one() -> None:
    with simulated_engine(*FAST, "--simulator-fault", "crash:after_tokens=1") as running:
        assert running.post("/v1/completions", {"prompt": "a", "max_tokens": 5})[0] == 500
        assert running.wait() == 1
        assert "EngineCore encountered a fatal error." in running.text
        assert CRASH in running.text


def test_a_card_stays_as_it_is_when_its_engine_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOT_DATA_DIR", str(tmp_path))
    faults = ("--simulator-fault", "wedge_card:card=1", "--simulator-fault", "device_lost:after_tokens=1")
    with simulated_engine(*FAST, *faults) as running:
        assert not (tmp_path / FILE_NAME).exists()
        running.post("/v1/completions", {"prompt": "a", "max_tokens": 5})
        running.wait()
    assert json.loads((tmp_path / FILE_NAME).read_text()) == {"1": "wedged"}


def test_a_process_that_dies_in_the_middle() -> None:
    with simulated_engine(*FAST, "--simulator-fault", "die_mid_stream:after_tokens=2") as running:
        children = [os.pidfd_open(pid) for pid in running.children]
        stream = read_to_the_end(running.open("/v1/completions", LONG))
        assert not stream.endswith(b"0\r\n\r\n")
        assert running.wait() == -signal.SIGKILL
        for child in children:  # nobody outlives its parent
            assert select.select([child], [], [], 5)[0]
            os.close(child)


@pytest.mark.parametrize("how", ["device_lost", "the child is killed"])
def test_a_dead_engine_core_fails_every_stream_and_ends_the_process(how: str) -> None:
    fault = ("--simulator-fault", "device_lost:after_tokens=5") if how == "device_lost" else ()
    with simulated_engine(*SLOW, SLOW_TIMING, *fault) as running:
        streams = [running.open("/v1/completions", LONG) for _ in range(2)]
        if not fault:
            read_until(streams[0], b"data: ")
            os.kill(running.children[0], signal.SIGKILL)
        for stream in streams:
            text = read_to_the_end(stream)
            frames = [line for line in text.decode().split("\n") if line.startswith("data: ")]
            assert json.loads(frames[-2].removeprefix("data: "))["error"]["message"] == ENGINE_DEAD
            assert frames[-1] == "data: [DONE]"
        assert running.get("/health")[0] == 503
        assert running.post("/v1/completions", {"prompt": "a"})[0] == 500
        assert running.wait() == 0  # as vLLM: the API server counts it as a shutdown like any other
        assert ("UR_RESULT_ERROR_DEVICE_LOST" in running.text) == bool(fault)


# --- starting -----------------------------------------------------------------------------------------------------


def test_nobody_is_answered_before_the_model_is_loaded() -> None:
    with simulated_engine(*FAST, "--simulator-fault", "slow_start:seconds=60", ready=False) as running:
        running.wait_for("Using max model len 2048")
        with pytest.raises(ConnectionRefusedError):
            running.get("/health")
        assert running.stop() == -signal.SIGTERM


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("device_lost", 1, "error: 20 (UR_RESULT_ERROR_DEVICE_LOST)"),
        ("abi_mismatch", 1, "undefined symbol: "),
        ("unknown_flag", 2, "vllm: error: unrecognized arguments: --async-engine"),
    ],
)
def test_a_start_that_fails(text: str, code: int, said: str) -> None:
    with simulated_engine(*FAST, "--simulator-fault", f"crash_loading:text={text}", ready=False) as running:
        assert running.wait() == code
        assert said in running.text


def test_an_engine_core_that_is_killed_while_it_loads() -> None:
    with simulated_engine(*FAST, "--simulator-fault", "slow_start:seconds=60", ready=False) as running:
        running.wait_for("Using max model len 2048")
        os.kill(running.children[0], signal.SIGKILL)
        assert running.wait() == 1
        assert "Failed core proc(s): {'EngineCore': -9}" in running.text


def test_a_frightening_start_that_goes_on() -> None:
    with simulated_engine(*FAST, "--simulator-fault", "crash_loading:text=igc_nonfatal") as running:
        assert "IGC: Internal Compiler Error: Floating point exception" in running.text
        assert running.get("/health")[0] == 200


def test_a_start_can_say_something_of_its_own() -> None:
    with simulated_engine(*FAST, "--simulator-fault", "say:line=V0 is gone, V1 it is") as running:
        assert "V0 is gone, V1 it is" in running.text


def test_a_start_can_take_more_than_it_needs() -> None:
    with simulated_engine(*FAST, "--simulator-fault", "hog:bytes=100000000,tasks=5") as running:
        status = Path(f"/proc/{running.process.pid}/status").read_text()
        assert int(status.partition("VmRSS:")[2].split()[0]) > 100_000
        assert int(status.partition("Threads:")[2].split()[0]) > 5


def test_an_unknown_flag() -> None:
    with simulated_engine("--async-engine", ready=False) as running:
        assert running.wait() == 2
        assert running.text.endswith("vllm: error: unrecognized arguments: --async-engine\n")


def test_a_busy_port(engine: SimulatedEngine) -> None:
    with simulated_engine(*FAST, "--port", str(engine.port), ready=False) as running:
        assert running.wait() == 1
        assert "OSError: [Errno 98] Address already in use" in running.text


def test_an_unknown_variable_is_warned_of() -> None:
    with simulated_engine(*FAST, environment={"VLLM_XPU_GRAPH": "1"}) as running:
        assert "Unknown vLLM environment variable detected: VLLM_XPU_GRAPH" in running.text


@pytest.mark.parametrize("children", [0, 1, 3])
def test_the_process_has_a_family(children: int) -> None:
    with simulated_engine(*FAST, "--simulator-children", str(children)) as running:
        assert len(running.children) == children
        assert running.stop() == 0


# --- stopping -----------------------------------------------------------------------------------------------------


def test_sigterm_ends_streams_with_an_error() -> None:
    with simulated_engine(*SLOW, SLOW_TIMING) as running:
        stream = running.open("/v1/completions", LONG)
        read_until(stream, b"data: ")
        waiting = running.open("/v1/completions", {**LONG, "stream": False})
        eventually(running, "num_requests_running", 2)
        running.process.send_signal(signal.SIGTERM)
        text = read_to_the_end(stream)
        assert ENGINE_DEAD.encode() in text
        assert text.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert read_until(waiting, ENGINE_DEAD.encode()).startswith(b"HTTP/1.1 500")
        waiting.close()
        assert running.wait() == 0


def test_a_drain_lets_streams_finish_and_nothing_new_begin() -> None:
    with simulated_engine(*SLOW, SLOW_TIMING, "--shutdown-timeout", "30") as running:
        stream = running.open("/v1/completions", {**LONG, "max_tokens": 25})
        read_until(stream, b"data: ")
        running.process.send_signal(signal.SIGTERM)
        running.wait_for("mode=drain timeout=30s")
        assert running.get("/health")[0] == 200
        status, text = running.post("/v1/completions", {"prompt": "a"})
        assert status == 500 and b"cannot schedule new futures after shutdown" in text
        text = read_to_the_end(stream)
        assert b'"finish_reason":"length"' in text and text.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert running.wait() == 0


def test_a_drain_has_an_end() -> None:
    with simulated_engine(*SLOW, SLOW_TIMING, "--shutdown-timeout", "1") as running:
        stream = running.open("/v1/completions", LONG)
        read_until(stream, b"data: ")
        running.process.send_signal(signal.SIGTERM)
        assert ENGINE_DEAD.encode() in read_to_the_end(stream)
        assert running.wait() == 0


def test_a_second_signal_hurries() -> None:
    with simulated_engine(*SLOW, SLOW_TIMING, "--shutdown-timeout", "60") as running:
        stream = running.open("/v1/completions", LONG)
        read_until(stream, b"data: ")
        running.process.send_signal(signal.SIGINT)
        running.wait_for("mode=drain")
        running.process.send_signal(signal.SIGINT)
        assert running.wait() == 1
        stream.close()


def test_sigterm_can_be_ignored() -> None:
    with simulated_engine(*FAST, "--simulator-fault", "ignore_sigterm") as running:
        os.killpg(running.process.pid, signal.SIGTERM)
        assert running.get("/health")[0] == 200
        assert len(running.children) == 1
        running.process.kill()
        running.process.wait()
        os.killpg(running.process.pid, 0)  # the child is still there: only the group's SIGKILL ends it


def test_streams_can_hang_at_sigterm() -> None:
    with simulated_engine(*SLOW, SLOW_TIMING, "--simulator-fault", "hang_on_sigterm") as running:
        stream = running.open("/v1/completions", LONG)
        read_until(stream, b"data: ")
        running.process.send_signal(signal.SIGTERM)
        running.wait_for("Waiting for connections to close.")
        with pytest.raises(ConnectionRefusedError):
            running.get("/health")
        assert running.process.poll() is None
        stream.close()
        assert running.wait() == 0
