from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.simulator import timing
from slot.simulator.timing import BadTiming, Timing

C8 = Timing(
    load_s=60.0,
    weights_s=0.73,
    compile_s=4.12,
    graph_capture_s=4.0,
    kv_tokens=1_004_909,
    ttft_s=0.036,
    prefill_tokens_per_s=3_500.0,
    decode_tokens_per_s={1: 112.77, 2: 205.47, 4: 398.98, 8: 784.69},
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", Timing()),
        ('{"load_s": 12.5}', Timing(load_s=12.5)),
        ('{"load_s": null}', Timing()),
        ('{"kv_tokens": 0}', Timing(kv_tokens=0)),
        ('{"decode_tokens_per_s": {"1": 112.77, "8": 784.69}}', Timing(decode_tokens_per_s={1: 112.77, 8: 784.69})),
    ],
)
def test_parse(text: str, expected: Timing) -> None:
    assert timing.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"load_seconds": 1}',
        '{"load_s": "fast"}',
        '{"load_s": -1}',
        '{"prefill_tokens_per_s": 0}',
        '{"decode_tokens_per_s": {"0": 10}}',
        '{"decode_tokens_per_s": {"1": 0}}',
        '{"decode_tokens_per_s": {"one": 10}}',
    ],
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(BadTiming):
        timing.parse(text)


@pytest.mark.parametrize(
    ("given_timing", "eager", "phase", "seconds"),
    [
        (C8, False, "weights_s", 0.73),
        (C8, False, "compile_s", 4.12),
        (C8, False, "graph_capture_s", 4.0),
        (C8, True, "compile_s", 0.0),
        (C8, True, "graph_capture_s", 0.0),
        (Timing(load_s=10, weights_s=90), False, "weights_s", 9.8),  # more than there is: shrunk
        (Timing(load_s=10, weights_s=9.8), False, "weights_s", 9.8),
        (Timing(compile_s=67.31), False, "compile_s", 67.31),  # nobody measured the whole: as long as it needs
        (Timing(load_s=0), False, "weights_s", 0.0),
    ],
)
def test_load_plan_keeps_what_was_measured(given_timing: Timing, eager: bool, phase: str, seconds: float) -> None:
    assert getattr(timing.load_plan(given_timing, eager=eager), phase) == pytest.approx(seconds)


@given(
    load_s=st.floats(0, 3600),
    weights_s=st.none() | st.floats(0, 3600),
    compile_s=st.none() | st.floats(0, 3600),
    eager=st.booleans(),
)
def test_load_plan_always_takes_load_s(
    load_s: float, weights_s: float | None, compile_s: float | None, eager: bool
) -> None:
    plan = timing.load_plan(Timing(load_s=load_s, weights_s=weights_s, compile_s=compile_s), eager=eager)
    assert sum(vars(plan).values()) == pytest.approx(load_s, abs=1e-6)


def test_a_start_without_figures_is_short() -> None:
    plan = timing.load_plan(Timing(), eager=False)
    assert sum(vars(plan).values()) == pytest.approx(timing.DEFAULT_LOAD_S)


@pytest.mark.parametrize(
    ("rates", "streams", "aggregate"),
    [
        ({1: 112.77, 8: 784.69}, 1, 112.77),
        ({1: 112.77, 8: 784.69}, 8, 784.69),
        ({1: 112.77, 8: 784.69}, 16, 784.69),  # saturated
        ({8: 784.69}, 1, 784.69 / 8),  # as fast as it was at 8
        ({8: 784.69}, 7, 784.69 * 7 / 8),
        ({1: 100.0, 3: 150.0}, 2, 2 / ((0.01 + 0.02) / 2)),  # intervals 10 and 20 ms: 15 ms in between
    ],
)
def test_decode_rate(rates: dict[int, float], streams: int, aggregate: float) -> None:
    interval_s = timing.decode_interval_s(Timing(decode_tokens_per_s=rates), streams)
    assert streams / interval_s == pytest.approx(aggregate)


def test_decode_without_figures_is_fast() -> None:
    assert timing.decode_interval_s(Timing(), 64) == timing.DEFAULT_DECODE_INTERVAL_S


@given(streams=st.integers(1, 300))
def test_nobody_gets_faster_by_company(streams: int) -> None:
    assert timing.decode_interval_s(C8, streams + 1) >= timing.decode_interval_s(C8, streams) - 1e-4


BEGIN_S = 0.036 - 119 / 3_500


@pytest.mark.parametrize(
    ("prefill_tokens", "begins", "streams", "seconds"),
    [
        (119, True, 0, 0.036),  # the prompt that was measured
        (0, True, 0, BEGIN_S),  # all of it is cached
        (1_750, True, 0, BEGIN_S + 0.5),
        (3_500, True, 0, BEGIN_S + 1.0),
        (3_500, False, 0, 1.0),  # the next part of a long prompt
        (3_500, True, 1, BEGIN_S + 1.0 + 1 / 112.77),  # somebody else's token is in the same step
        (0, False, 1, 1 / 112.77),
        (0, False, 0, 0.0),
    ],
)
def test_a_step(prefill_tokens: int, begins: bool, streams: int, seconds: float) -> None:
    step_s = timing.step_s(C8, prefill_tokens=prefill_tokens, begins=begins, streams=streams)
    assert step_s == pytest.approx(seconds)


def test_kv_tokens() -> None:
    assert timing.kv_tokens(C8) == 1_004_909
    assert timing.kv_tokens(Timing()) == timing.DEFAULT_KV_TOKENS
