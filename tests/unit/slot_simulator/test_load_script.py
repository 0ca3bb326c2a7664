from __future__ import annotations

from dataclasses import replace

import pytest

from slot.simulator import faults
from slot.simulator.failure_texts import FAILURES, Ending
from slot.simulator.load_script import script, with_faults
from slot.simulator.log_lines import Raw, Say, render
from slot.simulator.options import Options
from slot.simulator.script_items import Exit, Hang, Item, Phase, Wait
from slot.simulator.timing import Timing

C8 = Options(
    model="gemma4",
    max_model_len=32_768,
    timing=Timing(load_s=60, weights_s=0.73, compile_s=4.12, graph_capture_s=4, kv_tokens=1_004_909),
)


def made(options: Options = C8, unknown: tuple[str, ...] = ()) -> list[Item]:
    return script(options, version="0.32.0", unknown_environment=unknown)


def text(items: list[Item]) -> str:
    said = [item.message if isinstance(item, Say) else item.text for item in items if isinstance(item, Say | Raw)]
    return "\n".join(said)


def seconds(items: list[Item]) -> float:
    return sum(item.seconds for item in items if isinstance(item, Wait))


@pytest.mark.parametrize(
    "wording",
    [
        "█▄█▀ █     █     █     █  model   gemma4",
        "Using max model len 32768",
        "Loading safetensors checkpoint shards:   0% Completed | 0/8 [00:00<?, ?it/s]",
        "Loading safetensors checkpoint shards: 100% Completed | 8/8 [",
        "Loading weights took 0.73 seconds",
        "torch.compile took 4.12 s in total",
        "GPU KV cache size: 1,004,909 tokens, Maximum concurrency for 32,768 tokens per request: 30.67x",
        "Available KV cache memory: 27.48 GiB",
        "\rCapturing CUDA graphs (mixed prefill-decode, PIECEWISE):  50%|█████     | 2/4 [",
        "Graph capturing finished in 4 secs",
        "init engine (profile, create kv cache, warmup model) took ",
        "(compilation: 4.12 s)",
        "Starting vLLM server on http://127.0.0.1:8000",
    ],
)
def test_says_what_vllm_says(wording: str) -> None:
    assert wording in text(made())


def test_takes_as_long_as_it_is_told() -> None:
    assert seconds(made()) == pytest.approx(60)


def test_phases_come_in_vllm_s_order() -> None:
    assert tuple(item.name for item in made() if isinstance(item, Phase)) == faults.PHASES


@pytest.mark.parametrize("options", [replace(C8, eager=True), replace(C8, device="cpu")])
def test_an_eager_engine_neither_compiles_nor_captures(options: Options) -> None:
    said = text(made(options))
    assert "torch.compile took" not in said
    assert "Capturing" not in said
    assert seconds(made(options)) == pytest.approx(60)


@pytest.mark.parametrize(("device", "word"), [("gpu", "GPU"), ("xpu", "XPU"), ("cpu", "CPU")])
def test_the_device_is_named(device: str, word: str) -> None:
    assert f"{word} KV cache size" in text(made(replace(C8, device=device)))


def test_unknown_variables_are_warned_of() -> None:
    warned = [item for item in made(unknown=("VLLM_XPU_GRAPH",)) if isinstance(item, Say) and item.level == "WARNING"]
    assert [line.message for line in warned] == ["Unknown vLLM environment variable detected: VLLM_XPU_GRAPH"]


def test_slow_start_waits_before_its_phase() -> None:
    slow = with_faults(made(), [faults.parse("slow_start:seconds=7,phase=warmup")])
    assert slow[slow.index(Phase("warmup")) + 1] == Wait(7.0)
    assert seconds(slow) == pytest.approx(67)


@pytest.mark.parametrize("name", FAILURES)
def test_every_failure_ends_as_it_says(name: str) -> None:
    failure = FAILURES[name]
    crashed = with_faults(made(), [faults.parse(f"crash_loading:text={name}")])
    at = crashed.index(Phase(failure.phase))
    expected: dict[Ending, Item | None] = {
        Ending.ENGINE_CORE: Exit(1),
        Ending.API_SERVER: Exit(1),
        Ending.USAGE: Exit(2),
        Ending.HANG: Hang(),
        Ending.CONTINUES: None,
    }
    ends = [item for item in crashed[at:] if isinstance(item, Exit | Hang)]
    assert ends == ([] if expected[failure.ending] is None else [expected[failure.ending]])
    assert failure.error in text(crashed)
    assert all(line in text(crashed) for line in failure.lines)
    if failure.ending is Ending.ENGINE_CORE:
        assert "Engine core initialization failed. See root cause above." in text(crashed)


@pytest.mark.parametrize(("kv_tokens", "fails"), [(32_767, True), (32_768, False)])
def test_a_context_that_does_not_fit_fails_by_itself(kv_tokens: int, fails: bool) -> None:
    items = made(replace(C8, timing=Timing(kv_tokens=kv_tokens)))
    assert (Exit(1) in items) == fails
    assert (f"the estimated maximum model length is {kv_tokens}." in text(items)) == fails


@pytest.mark.parametrize(
    ("utilization", "device", "fails"),
    [(0.95, "gpu", False), (0.96, "gpu", True), (0.97, "xpu", True), (0.97, "cpu", False)],
)
def test_more_memory_than_is_free_fails_by_itself(utilization: float, device: str, fails: bool) -> None:
    items = made(replace(C8, gpu_memory_utilization=utilization, device=device))
    assert (Exit(1) in items) == fails
    assert ("(30.61/31.89 GiB) on startup is less than desired GPU memory utilization" in text(items)) == fails


def test_every_part_of_a_line_has_the_prefix() -> None:
    line = Say("EngineCore", "core.py:1510", "one\ntwo", "ERROR")
    assert render(line, {"EngineCore": 7}, "11-20 17:47:09") == (
        "(EngineCore pid=7) ERROR 11-20 17:47:09 [core.py:1510] one\n"
        "(EngineCore pid=7) ERROR 11-20 17:47:09 [core.py:1510] two\n"
    )
