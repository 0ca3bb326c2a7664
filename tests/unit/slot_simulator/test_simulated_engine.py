from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.simulator.engine import Engine, Request, Token
from slot.simulator.kv_cache import KvCache
from slot.simulator.statistics_line import statistics
from slot.simulator.timing import Timing

TIMING = Timing(ttft_s=0.5 + 119 / 100.0, prefill_tokens_per_s=100.0, decode_tokens_per_s={1: 10.0, 2: 16.0})
BLOCK = 4


def engine(*, kv_tokens: int = 4000, seqs: int = 2, batched: int = 50, after: int | None = None) -> Engine:
    cache = KvCache(kv_tokens, BLOCK, keeps=True)
    return Engine(TIMING, cache, max_num_seqs=seqs, max_batched_tokens=batched, stands_still_after=after)


def request(start: int = 0, length: int = 20, max_tokens: int = 3, stalls_after: int | None = None) -> Request:
    return Request(list(range(start, start + length)), max_tokens, stalls_after=stalls_after)


def step(running: Engine) -> tuple[float, list[Token]]:
    planned = running.plan()
    assert planned is not None
    return planned.seconds, running.complete(planned)


def run(running: Engine, steps: int = 500) -> list[Token]:
    """Everything that comes out until there is nothing left to do."""
    tokens: list[Token] = []
    while (planned := running.plan()) is not None:
        tokens += running.complete(planned)
        steps -= 1
        assert steps, f"does not end: {running!r}"
    return tokens


def test_one_request_from_prompt_to_last_token() -> None:
    idle, one = engine(), request()
    idle.add(one)
    assert step(idle) == (pytest.approx(0.5 + 0.2), [Token(one, 0, False)])
    assert step(idle) == (pytest.approx(0.1), [Token(one, 1, False)])
    assert step(idle) == (pytest.approx(0.1), [Token(one, 2, True)])
    assert idle.plan() is None
    assert (idle.running, list(idle.waiting), idle.cache.usage) == ([], [], 0.0)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 49, 50, 51, 120])
def test_any_prompt_gets_its_tokens(length: int) -> None:
    idle, one = engine(), request(length=length)
    idle.add(one)
    assert [token.position for token in run(idle)] == [0, 1, 2]


def test_a_long_prompt_takes_several_steps() -> None:
    idle = engine(batched=50)
    idle.add(request(length=120))
    assert [step(idle) for _ in range(2)] == [(pytest.approx(0.5 + 0.5), []), (pytest.approx(0.5), [])]
    seconds, tokens = step(idle)
    assert (seconds, len(tokens)) == (pytest.approx(0.2), 1)


def test_running_requests_share_a_step_with_a_prompt() -> None:
    busy, first, second = engine(), request(), request(100)
    busy.add(first)
    step(busy)
    busy.add(second)
    seconds, tokens = step(busy)
    assert seconds == pytest.approx(0.5 + 0.2 + 0.1)
    assert tokens == [Token(first, 1, False), Token(second, 0, False)]
    seconds, _ = step(busy)
    assert seconds == pytest.approx(2 / 16.0)


@pytest.mark.parametrize(("requests", "running", "waiting"), [(0, 0, 0), (1, 1, 0), (2, 2, 0), (3, 2, 1), (5, 2, 3)])
def test_more_than_max_num_seqs_wait(requests: int, running: int, waiting: int) -> None:
    full = engine(seqs=2)
    for number in range(requests):
        full.add(request(100 * number))
    full.plan()
    assert (len(full.running), len(full.waiting)) == (running, waiting)


def test_who_came_first_goes_first() -> None:
    full = engine(seqs=1)
    asked = [request(100 * number, max_tokens=1) for number in range(3)]
    for one in asked:
        full.add(one)
    assert [token.request for token in run(full)] == asked


def test_a_known_prefix_is_not_computed_again() -> None:
    warm = engine()
    warm.add(request(length=21))
    run(warm)
    warm.add(again := request(length=21))
    assert warm.plan() is not None
    assert (again.cached_tokens, again.to_compute) == (20, 1)
    assert (warm.counters.cache_queries, warm.counters.cache_hits) == (42, 20)
    assert (warm.counters.prompt_tokens, warm.counters.cached_tokens) == (42, 20)


def test_a_full_cache_makes_a_prompt_wait() -> None:
    full = engine(kv_tokens=24)
    full.add(request(length=20))
    full.add(request(100, length=20))
    full.plan()
    assert (len(full.running), len(full.waiting)) == (1, 1)
    assert len(run(full)) == 6 - 0


def test_who_came_last_is_preempted_and_finishes_later() -> None:
    full = engine(kv_tokens=48)
    first, last = request(length=20, max_tokens=20), request(100, length=20, max_tokens=20)
    full.add(first)
    full.add(last)
    tokens = run(full)
    assert full.counters.preemptions >= 1
    assert [token.position for token in tokens if token.request is first] == list(range(20))
    assert [token.position for token in tokens if token.request is last] == list(range(20))
    assert full.counters.prompt_tokens == 40  # a second computation is not a second prompt
    assert tokens[-1].request is last


@pytest.mark.parametrize("when", ["waiting", "running", "during a step", "afterwards"])
def test_abort(when: str) -> None:
    busy, other, gone = engine(seqs=1 if when == "waiting" else 2), request(), request(100)
    busy.add(other)
    busy.add(gone)
    if when == "afterwards":
        run(busy)
    planned = busy.plan()
    if when == "running" and planned:
        busy.complete(planned)
    busy.abort(gone)
    tokens = busy.complete(planned) if planned and when != "running" else []
    assert gone not in [token.request for token in tokens]
    assert gone not in busy.running and gone not in busy.waiting
    run(busy)
    assert busy.cache.usage == 0.0


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_stalled_request_keeps_its_place_and_lets_others_pass(after: int) -> None:
    busy, stalled, other = engine(), request(stalls_after=after), request(100)
    busy.add(stalled)
    busy.add(other)
    tokens = run(busy)
    assert [token.position for token in tokens if token.request is stalled] == list(range(after))
    assert [token.position for token in tokens if token.request is other] == [0, 1, 2]
    assert busy.running == [stalled]


@pytest.mark.parametrize("after", [1, 2])
def test_a_wedged_engine_plans_nothing_more(after: int) -> None:
    wedged = engine(after=after)
    wedged.add(request())
    assert len(run(wedged)) == after
    wedged.add(request(100))
    assert wedged.plan() is None
    assert (len(wedged.running), len(wedged.waiting)) == (1, 1)


@given(
    asked=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40), st.integers(1, 12)), max_size=12),
    aborted=st.sets(st.integers(0, 11)),
    seqs=st.integers(1, 4),
)
def test_every_request_gets_every_token_once(asked: list[tuple[int, int, int]], aborted: set[int], seqs: int) -> None:
    busy = engine(kv_tokens=60, seqs=seqs, batched=16)
    requests = [request(start, length, max_tokens) for start, length, max_tokens in asked]
    for one in requests:
        busy.add(one)
    planned = busy.plan()
    for number in aborted & set(range(len(requests))):
        busy.abort(requests[number])
    tokens = ([] if planned is None else busy.complete(planned)) + run(busy)
    for number, one in enumerate(requests):
        positions = [token.position for token in tokens if token.request is one]
        assert positions == ([] if number in aborted else list(range(one.max_tokens)))
    assert (busy.cache.usage, busy.running, len(busy.waiting)) == (0.0, [], 0)


def test_statistics_tell_of_the_time_since_the_last_line() -> None:
    busy = engine()
    busy.add(request(max_tokens=9))
    step(busy)
    (first,), told = statistics(busy, None, 10.0, device="gpu")
    assert first.message == (
        "Engine 000: Avg prompt throughput: 2.0 tokens/s, Avg generation throughput: 0.1 tokens/s, Running: 1 reqs, "
        "Waiting: 0 reqs, GPU KV cache usage: 0.6%, Prefix cache hit rate: 0.0%"
    )
    step(busy)
    (second,), _ = statistics(busy, told, 10.0, device="cpu")
    assert "Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 0.1 tokens/s" in second.message
    assert "CPU KV cache usage" in second.message


def test_an_idle_engine_says_nothing() -> None:
    assert statistics(engine(), None, 10.0, device="gpu")[0] == []
