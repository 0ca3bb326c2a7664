from __future__ import annotations

import pytest

from slot.pulse import scrape
from slot.pulse.scrape import Vitals

# As vLLM 0.32 writes it, the lines between left out.
REAL = b"""\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a } b"} 2.0
vllm:num_requests_waiting{engine="0",model_name="a } b"} 1.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="a } b",reason="capacity"} 1.0
vllm:kv_cache_usage_perc{engine="0",model_name="a } b"} 0.25
vllm:num_preemptions_total{engine="0",model_name="a } b"} 4.0
vllm:num_preemptions_created{engine="0",model_name="a } b"} 1.7952369516448784e+09
vllm:prompt_tokens_total{engine="0",model_name="a } b"} 1.25e+06
vllm:generation_tokens_total{engine="0",model_name="a } b"} 300.0
vllm:request_success_total{engine="0",finished_reason="stop",model_name="a } b"} 7.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="a } b"} 8.0
vllm:iteration_tokens_total_bucket{engine="0",le="1.0",model_name="a } b"} 3.0
vllm:iteration_tokens_total_count{engine="0",model_name="a } b"} 9.0
vllm:iteration_tokens_total_sum{engine="0",model_name="a } b"} 9000.0
"""
READ = Vitals(running=2, waiting=1, tokens=300, moved=(300.0, 1.25e6, 9.0, 7.0, 8.0, 4.0, 0.25))


def test_the_vitals_of_a_real_engine() -> None:
    assert scrape.read(REAL) == READ
    assert READ.in_hand == 3


@pytest.mark.parametrize(
    "text",
    [b"", b"\0\xff\n", b"# nothing of vLLM's\nprocess_open_fds 34.0\n", REAL.replace(b"vllm:", b"engine:")],
    ids=["empty", "bytes", "no vLLM", "other names"],
)
def test_no_pulse_in_it(text: bytes) -> None:
    assert scrape.read(text) is None


@pytest.mark.parametrize(
    ("line", "broken"),
    [(b"} 0.25", b"} NaN"), (b"} 0.25", b"} +Inf"), (b"} 0.25", b"} a quarter"), (b"} 0.25", b'} "')],
)
def test_a_sample_that_is_no_number_is_none(line: bytes, broken: bytes) -> None:
    vitals = scrape.read(REAL.replace(line, broken))
    assert vitals is not None
    assert vitals.moved == READ.moved[:-1]


def test_each_of_several_engine_cores_counts() -> None:
    both = scrape.read(REAL + REAL.replace(b'engine="0"', b'engine="1"'))
    assert both is not None
    assert (both.running, both.waiting, both.tokens) == (4, 2, 600)
    one_moved = scrape.read(REAL + REAL.replace(b'engine="0"', b'engine="1"').replace(b" 300.0", b" 301.0"))
    assert one_moved is not None
    assert one_moved.moved != both.moved


@pytest.mark.parametrize(
    ("line", "is_told"),
    [
        ('INFO:     127.0.0.1:52650 - "GET /metrics HTTP/1.1" 200 OK', True),
        ('(APIServer pid=1) INFO:     127.0.0.1:1 - "GET /metrics HTTP/1.1" 200 OK', True),
        ('INFO:     127.0.0.1:52650 - "GET /metrics HTTP/1.1" 500 Internal Server Error', False),
        ('INFO:     10.0.0.7:52650 - "GET /metrics HTTP/1.1" 200 OK', False),
        ('INFO:     127.0.0.1:52650 - "POST /v1/completions HTTP/1.1" 200 OK', False),
    ],
)
def test_a_line_that_tells_of_a_scrape(line: str, is_told: bool) -> None:
    assert scrape.is_told_of(line) is is_told


@pytest.mark.parametrize("name", scrape.MOVING)
def test_whatever_moves_is_seen_to_move(name: str) -> None:
    lines = [line + b"1" if line.startswith(b"vllm:" + name.encode() + b"{") else line for line in REAL.splitlines()]
    moved = scrape.read(b"\n".join(lines))
    assert moved is not None
    assert moved.moved != READ.moved
