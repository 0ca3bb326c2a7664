"""What the engine says and does while it starts, as a list: lines, waits, phases, and the end if it is to fail.

The list is made before anything happens, so a start is a value that a test can read; whoever performs it only prints
and sleeps. Faults are put into it at the beginning of their phase.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slot.simulator import timing
from slot.simulator.failing_start import BYTES_PER_KV_TOKEN, failing, natural_failures
from slot.simulator.failure_texts import FAILURES
from slot.simulator.faults import Fault, FaultName
from slot.simulator.log_lines import (
    API_SERVER,
    ENGINE_CORE,
    Line,
    Say,
    banner,
    captures,
    shards,
)
from slot.simulator.options import Options
from slot.simulator.script_items import Item, Phase, Wait
from slot.simulator.timing import LoadPlan

SHARDS = 8
CAPTURE_SIZES = 4


def script(options: Options, *, version: str, unknown_environment: Sequence[str]) -> list[Item]:
    """The whole start. `unknown_environment`: VLLM_ names that are set and that vLLM does not know."""
    plan = timing.load_plan(options.timing, eager=options.eager or options.device == "cpu")
    items: list[Item] = [
        Phase("starting"),
        *_starting(options, version, unknown_environment),
        Wait(plan.starting_s),
        Phase("weights"),
        *_weights(options, plan, version),
        *_compile(options, plan),
        *_kv_cache(options, plan),
        *_graph_capture(plan),
        Phase("warmup"),
        Wait(plan.warmup_s),
        Say(ENGINE_CORE, "core.py:402", _init_took(plan)),
        *_api(options),
    ]
    for failure in natural_failures(options):
        items = _insert(items, failure.phase, failing(failure))
    return with_faults(items, options.faults)


def with_faults(items: Iterable[Item], faults: Iterable[Fault]) -> list[Item]:
    """The script with the faults of the start in it, each at the beginning of its phase."""
    changed = list(items)
    for fault in faults:
        if fault.name is FaultName.SLOW_START:
            changed = _insert(changed, fault.phase, [Wait(fault.seconds)])
        elif fault.name is FaultName.CRASH_LOADING:
            failure = FAILURES[fault.text]
            changed = _insert(changed, fault.phase or failure.phase, failing(failure))
        elif fault.name is FaultName.SAY:
            changed = _insert(changed, fault.phase, [Say(ENGINE_CORE, "core.py:402", fault.line)])
    return changed


def _insert(items: list[Item], phase: str, more: Sequence[Item]) -> list[Item]:
    at = items.index(Phase(phase)) + 1
    return [*items[:at], *more, *items[at:]]


def _starting(options: Options, version: str, unknown_environment: Sequence[str]) -> list[Item]:
    lines: list[Item] = [*banner(version, options.model)]
    lines += [Say(API_SERVER, "api_utils.py:286", f"non-default args: {dict(options.said)}")]
    unknown = "Unknown vLLM environment variable detected: {}"
    lines += [Say(API_SERVER, "interface.py:1458", unknown.format(n), "WARNING") for n in unknown_environment]
    lines += [
        Say(API_SERVER, "model.py:733", "Resolved architecture: SimulatedForCausalLM"),
        Say(API_SERVER, "model.py:2152", f"Using max model len {options.max_model_len}"),
        Say(
            API_SERVER,
            "scheduler.py:312",
            f"Chunked prefill is enabled with max_num_batched_tokens={options.max_batched_tokens}.",
        ),
    ]
    if options.eager:
        lines += [
            Say(API_SERVER, "vllm.py:1703", "Enforce eager set, disabling torch.compile and CUDAGraphs.", "WARNING")
        ]
    return lines


def _weights(options: Options, plan: LoadPlan, version: str) -> list[Item]:
    world, backend = options.tensor_parallel, {"xpu": "xccl", "cpu": "gloo"}.get(options.device, "nccl")
    config = f"model='{options.model}', max_seq_len={options.max_model_len}, tensor_parallel_size={world}"
    lines: list[Item] = [
        Say(ENGINE_CORE, "core.py:133", f"Initializing a V1 LLM engine (v{version}) with config: {config}"),
        Say(
            ENGINE_CORE,
            "parallel_state.py:1906",
            f"world_size={world} rank=0 local_rank=0 distributed_init_method=tcp://127.0.0.1:29500 backend={backend}",
        ),
        Say(ENGINE_CORE, "gpu_model_runner.py:5040", f"Starting to load model {options.model}..."),
    ]
    lines += _paced(shards(SHARDS, plan.weights_s), plan.weights_s)
    took = f"Loading weights took {plan.weights_s:.2f} seconds"
    loading = f"Model loading took 2.11 GiB memory and {plan.weights_s:.6f} seconds"
    return [
        *lines,
        Say(ENGINE_CORE, "default_loader.py:501", took),
        Say(ENGINE_CORE, "gpu_model_runner.py:5149", loading),
    ]


def _compile(options: Options, plan: LoadPlan) -> list[Item]:
    if not plan.compile_s:
        return [Phase("compile")]
    dynamo_s, inductor_s = 0.3 * plan.compile_s, 0.7 * plan.compile_s
    spoken = f"Compiling a graph for compile range (1, {options.max_batched_tokens}) takes {inductor_s:.2f} s"
    return [
        Phase("compile"),
        Wait(dynamo_s),
        Say(ENGINE_CORE, "backends.py:1166", f"[backbone] Dynamo bytecode transform time: {dynamo_s:.2f} s"),
        Wait(inductor_s),
        Say(ENGINE_CORE, "backends.py:398", f"[backbone] {spoken}"),
        Say(ENGINE_CORE, "monitor.py:62", f"[backbone] torch.compile took {plan.compile_s:.2f} s in total"),
    ]


def _kv_cache(options: Options, plan: LoadPlan) -> list[Item]:
    tokens = timing.kv_tokens(options.timing)
    length = options.max_model_len
    gib = tokens * BYTES_PER_KV_TOKEN / 2**30
    capacity = f"{options.device.upper()} KV cache size: {tokens:,} tokens"
    concurrency = f"Maximum concurrency for {length:,} tokens per request: {tokens / length:.2f}x"
    return [
        Phase("kv_cache"),
        Wait(plan.kv_cache_s),
        Say(ENGINE_CORE, "gpu_worker.py:759", f"Available KV cache memory: {gib:.2f} GiB"),
        Say(ENGINE_CORE, "kv_cache_utils.py:2327", f"{capacity}, {concurrency}"),
    ]


def _graph_capture(plan: LoadPlan) -> list[Item]:
    if not plan.graph_capture_s:
        return [Phase("graph_capture")]
    finished = f"Graph capturing finished in {plan.graph_capture_s:.0f} secs, took 0.35 GiB"
    return [
        Phase("graph_capture"),
        *_paced(captures(CAPTURE_SIZES, plan.graph_capture_s), plan.graph_capture_s),
        Say(ENGINE_CORE, "gpu_model_runner.py:6581", finished),
    ]


def _paced(lines: Sequence[Line], seconds: float) -> list[Item]:
    """The lines with the seconds spread between them."""
    pause = Wait(seconds / (len(lines) - 2))
    items: list[Item] = []
    for number, line in enumerate(lines):
        if 0 < number < len(lines) - 1:
            items.append(pause)
        items.append(line)
    return items


def _init_took(plan: LoadPlan) -> str:
    compiled = f" (compilation: {plan.compile_s:.2f} s)" if plan.compile_s else ""
    return f"init engine (profile, create kv cache, warmup model) took {plan.init_s:.2f} s{compiled}"


def _api(options: Options) -> list[Item]:
    task = "embed" if options.pooling else "generate"
    scale_out = "Scale-out endpoints are disabled. Restart vllm serve with --enable-scale-out to enable them."
    return [
        Say(API_SERVER, "entry.py:136", f"Supported tasks: ['{task}']"),
        Say(API_SERVER, "factories.py:89", scale_out),
        Say(API_SERVER, "entry.py:140", f"Starting vLLM server on http://{options.host}:{options.port}"),
    ]
