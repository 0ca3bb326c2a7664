"""Whatever ends badly is seen to end badly: an error the client can read, and no proper end of message after it."""

from __future__ import annotations

import asyncio
import json

import pytest

ERROR = b'data: {"error":'


async def read_cut_stream(answer) -> bytes:
    """The rest of a stream that must have been cut: no terminal chunk, no [DONE]."""
    rest = await answer.rest()
    assert b"[DONE]" not in rest
    assert b"\r\n0\r\n\r\n" not in rest
    return rest


def last_error(stream: bytes) -> dict[str, object]:
    [event] = [line for line in stream.splitlines() if line.startswith(b"data:") and b'"error"' in line]
    return json.loads(event.removeprefix(b"data: "))["error"]


async def half_a_stream(door, engine, path="/v1/chat/completions"):
    """A stream after its first event: (client's answer, engine's request)."""
    client = await door.client()
    await client.chat(path=path)
    asked = await engine.request()
    await asked.start_stream()
    await asked.send_event(b'data: {"n":1}\n\n')
    answer = await client.answer()
    await answer.read_some(b'{"n":1}\n\n\r\n')
    return answer, asked


@pytest.mark.parametrize("how", ["reset", "hang_up"])
async def test_an_engine_that_dies_mid_stream_is_told(door, engine, how) -> None:
    answer, asked = await half_a_stream(door, engine)
    getattr(asked, how)()
    error = last_error(await read_cut_stream(answer))
    assert error["code"] == "upstream_disconnected"
    assert error["type"] == "upstream_error"
    await door.until(lambda: door.active == 0)
    [told] = door.events("request")
    assert (told["outcome"], told["reason"], told["status"]) == ("engine_failed", "upstream_disconnected", 200)


async def test_a_clean_end_without_the_end_mark_is_not_passed_off_as_one(door, engine) -> None:
    answer, asked = await half_a_stream(door, engine)
    await asked.send(b"0\r\n\r\n")
    assert last_error(await read_cut_stream(answer))["code"] == "upstream_disconnected"


async def test_half_an_event_is_dropped(door, engine) -> None:
    answer, asked = await half_a_stream(door, engine)
    await asked.send_event(b'data: {"half":')
    asked.hang_up()
    rest = await read_cut_stream(answer)
    assert b"half" not in rest
    assert last_error(rest)["code"] == "upstream_disconnected"


async def test_an_error_event_of_the_engine_passes_once_and_ends_the_stream(door, engine) -> None:
    # vLLM at shutdown: an error event, then [DONE] and a clean end
    answer, asked = await half_a_stream(door, engine)
    await asked.send_event(b'data: {"error": {"message": "EngineCore encountered an issue", "code": 500}}\n\n')
    await asked.end_stream()
    assert last_error(await read_cut_stream(answer))["message"] == "EngineCore encountered an issue"
    [told] = door.events("request")
    assert told["reason"] == "engine_error"


async def test_an_aborted_generation_is_a_failed_one(door, engine) -> None:
    answer, asked = await half_a_stream(door, engine)
    await asked.send_event(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"abort"}]}\n\n')
    await asked.end_stream()
    rest = await read_cut_stream(answer)
    assert b'"finish_reason":"abort"' not in rest  # a client would take it for a finish
    assert last_error(rest)["code"] == "engine_error"


async def test_a_cut_stream_of_messages_speaks_anthropic(door, engine) -> None:
    answer, asked = await half_a_stream(door, engine, "/v1/messages")
    asked.reset()
    rest = await read_cut_stream(answer)
    assert b'event: error\ndata: {"type":"error","error":' in rest
    assert last_error(rest)["type"] == "api_error"


async def test_a_whole_stream_of_messages_ends_with_message_stop(door, engine) -> None:
    answer, asked = await half_a_stream(door, engine, "/v1/messages")
    await asked.send_event(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    await asked.send(b"0\r\n\r\n")
    assert await answer.read_some(b"\r\n0\r\n\r\n")


async def test_a_whole_stream_of_responses_ends_with_response_completed(door, engine) -> None:
    answer, asked = await half_a_stream(door, engine, "/v1/responses")
    await asked.send_event(
        b'event: response.completed\ndata: {"type":"response.completed","response":{"usage":{"input_tokens":7}}}\n\n'
    )
    await asked.send(b"0\r\n\r\n")
    assert await answer.read_some(b"\r\n0\r\n\r\n")
    assert door.events("request")[0]["input_tokens"] == 7


async def test_a_silent_engine_is_given_up(open_door, engine) -> None:
    door = await open_door(backend_url=engine.url, backend_timeout_s="0.3")
    await door.until_open()
    answer, _ = await half_a_stream(door, engine)
    assert last_error(await read_cut_stream(answer))["code"] == "upstream_timeout"
    await door.until(lambda: door.active == 0)


async def test_silence_before_the_head_is_504(open_door, engine) -> None:
    door = await open_door(backend_url=engine.url, backend_timeout_s="0.3")
    await door.until_open()
    client = await door.client()
    await client.chat()
    await engine.request()
    answer = await client.answer()
    assert (answer.status, (await answer.json())["error"]["code"]) == (504, "upstream_timeout")


async def test_death_before_the_head_is_502(door, engine) -> None:
    client = await door.client()
    await client.chat()
    (await engine.request()).reset()
    answer = await client.answer()
    assert (answer.status, (await answer.json())["error"]["code"]) == (502, "upstream_disconnected")
    assert len(engine.seen) == 1  # never sent twice


async def test_a_truncated_short_body_is_502(door, engine) -> None:
    client = await door.client()
    await client.chat(stream=False)
    asked = await engine.request()
    await asked.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    asked.hang_up()
    answer = await client.answer()
    assert (answer.status, (await answer.json())["error"]["code"]) == (502, "upstream_disconnected")


async def test_a_truncated_long_body_breaks_the_connection(door, engine) -> None:
    client = await door.client()
    await client.chat(stream=False)
    asked = await engine.request()
    await asked.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99000000\r\n\r\n{")
    await asked.send(b" " * (9 << 20))
    answer = await client.answer()
    assert answer.headers["content-length"] == "99000000"
    asked.hang_up()
    assert len(await answer.rest()) < 99_000_000
    await door.until(lambda: door.active == 0)


async def test_a_truncated_chunked_body_is_502(door, engine) -> None:
    client = await door.client()
    await client.chat(stream=False)
    asked = await engine.request()
    await asked.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
    )
    asked.hang_up()
    answer = await client.answer()
    assert (answer.status, (await answer.json())["error"]["code"]) == (502, "upstream_disconnected")


async def test_an_answer_that_is_no_http_is_502(door, engine) -> None:
    client = await door.client()
    await client.chat()
    await (await engine.request()).send(b"SMTP/9 ready\r\n\r\n")
    answer = await client.answer()
    assert answer.status == 502


async def test_no_engine_is_503_with_a_reason(open_door, engine) -> None:
    door = await open_door(backend_url=engine.url)
    await door.until_open()
    await engine.die()
    client = await door.client()
    await client.chat()
    answer = await client.answer()
    error = (await answer.json())["error"]
    assert (answer.status, error["code"]) == (503, "backend_unavailable")
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    await door.until(lambda: door.frontdoor.watch.closed is not None)
    await engine.start()
    await door.until_open()


async def test_a_compressed_event_stream_is_refused(door, engine) -> None:
    client = await door.client()
    await client.chat()
    asked = await engine.request()
    await asked.reply(200, b"\x1f\x8b", "text/event-stream", b"Content-Encoding: gzip\r\n")
    assert (await client.answer()).status == 502


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_in_prefill_cancels_the_engine(door, engine, stream) -> None:
    client = await door.client()
    await client.chat(stream=stream)
    asked = await engine.request()
    client.leave()
    await asked.client_gone.wait()
    await door.until(lambda: door.active == 0)
    [told] = door.events("request")
    assert (told["outcome"], told["phase"]) == ("client_left", "prefill")


async def test_a_client_that_leaves_mid_stream_cancels_the_engine(door, engine) -> None:
    client = await door.client()
    await client.chat()
    asked = await engine.request()
    await asked.start_stream()
    await asked.send_event(b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n')
    await (await client.answer()).read_some(b"\n\n")
    client.leave()
    await asked.client_gone.wait()
    await door.until(lambda: door.active == 0)
    [told] = door.events("request")
    assert (told["outcome"], told["phase"]) == ("client_left", "decode")


async def test_a_client_that_leaves_during_its_upload_frees_the_slot(door, engine) -> None:
    client = await door.client()
    await client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: door\r\nContent-Length: 100\r\n\r\n{")
    await door.until(lambda: door.active == 1)
    client.leave()
    await door.until(lambda: door.active == 0)
    assert engine.seen == []


async def test_stopping_cuts_what_does_not_end_in_time(door, engine) -> None:
    answer, asked = await half_a_stream(door, engine)
    waiting = await door.client()
    await waiting.chat()
    await engine.request()
    assert await door.frontdoor.cut_rest() == 2
    assert last_error(await read_cut_stream(answer))["code"] == "shutting_down"
    assert (await waiting.answer()).status == 503
    assert door.active == 0


FLOOD = b'data: {"x":"' + b"x" * 7_000_000 + b'"}\n\n' + b"data: {}\n\n" * 900_000


async def test_a_client_that_reads_nothing_loses_its_slot(open_door, engine) -> None:
    door = await open_door(backend_url=engine.url, write_stall_timeout_s="0.3")
    await door.until_open()
    client = await door.client()
    client.writer.transport.pause_reading()
    await client.chat()
    asked = await engine.request()
    await asked.start_stream()
    flood = asyncio.create_task(asked.send_event(FLOOD))
    await asked.client_gone.wait()
    await door.until(lambda: door.active == 0)
    await asyncio.gather(flood, return_exceptions=True)
    assert door.events("request")[0]["outcome"] == "client_left"


async def test_a_client_that_reads_slowly_keeps_its_slot(open_door, engine) -> None:
    door = await open_door(backend_url=engine.url, write_stall_timeout_s="0.5")
    await door.until_open()
    client = await door.client()
    await client.chat()
    asked = await engine.request()
    await asked.start_stream()
    flood = asyncio.create_task(asked.send_event(FLOOD))
    (call,) = door.frontdoor.calls
    await door.until(lambda: not call.connection.is_writable)
    for _ in range(15):  # its pace, three times as long as a client may stand still
        assert await client.reader.read(200_000)
        await asyncio.sleep(0.06)
    assert not call.connection.is_writable
    assert door.active == 1
    client.leave()
    await asyncio.gather(flood, return_exceptions=True)
    await door.until(lambda: door.active == 0)


async def test_a_body_that_does_not_come_is_408_and_frees_the_slot(open_door, engine) -> None:
    door = await open_door(backend_url=engine.url, body_idle_timeout_s="0.2")
    await door.until_open()
    client = await door.client()
    await client.send(b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
    answer = await client.answer()
    assert (answer.status, (await answer.json())["error"]["code"]) == (408, "request_timeout")
    assert door.active == 0
    assert engine.seen == []


async def test_a_connection_lost_after_the_end_mark_is_a_whole_stream(door, engine) -> None:
    answer, asked = await half_a_stream(door, engine)
    await asked.send_event(b"data: [DONE]\n\n")
    await answer.read_some(b"data: [DONE]\n\n\r\n")
    asked.reset()
    assert await answer.read_some(b"0\r\n\r\n") == b"0\r\n\r\n"
    await door.until(lambda: door.active == 0)
    assert door.events("request")[0]["outcome"] == "ok"


async def test_one_that_is_cut_while_its_body_comes_is_not_sent_when_it_has_come(door, engine) -> None:
    client = await door.client()
    await client.send(b"POST /v1/completions HTTP/1.1\r\nHost: door\r\nContent-Length: 31\r\n\r\n")
    await door.until(lambda: door.active == 1)
    assert await door.frontdoor.cut_rest() == 1
    refused = await client.answer()
    assert (refused.status, (await refused.json())["error"]["code"]) == (503, "shutting_down")
    await client.send(b'{"model":"tiny","prompt":"abc"}')
    await client.chat(stream=False)  # the next one on this connection, behind the rest of the first
    await (await engine.request()).reply(200, b'{"choices":[]}')
    assert (await client.answer()).status == 200
    assert len(engine.seen) == 1 and door.active == 0
