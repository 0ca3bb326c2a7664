"""What the flags of a command line mean to the simulator. Most of vLLM's change nothing here; these do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slot.profiles.engine_face import EngineFace
from slot.simulator import argv, faults, timing
from slot.simulator.argv import Given, UsageError
from slot.simulator.faults import Fault
from slot.simulator.timing import Timing

DEFAULT_HOST = "127.0.0.1"  # vLLM's is every interface; a simulator has no reason to be on the LAN
DEFAULT_MAX_MODEL_LEN = 32_768
DEFAULT_BLOCK_SIZE = 128
DEFAULT_MAX_NUM_SEQS = 256
DEFAULT_MAX_BATCHED_TOKENS = 8_192


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the flags mean to the simulator. Sizes are tokens, times seconds.

    `image_limit`: pictures per prompt, 0 for a text model. `shutdown_timeout_s`: 0 aborts what runs at SIGTERM.
    `said`: the flags as given, for the start log's `non-default args`.
    """

    model: str
    host: str = DEFAULT_HOST
    port: int = 8000
    served_names: tuple[str, ...] = ()
    max_model_len: int = DEFAULT_MAX_MODEL_LEN
    max_num_seqs: int = DEFAULT_MAX_NUM_SEQS
    max_batched_tokens: int = DEFAULT_MAX_BATCHED_TOKENS
    block_size: int = DEFAULT_BLOCK_SIZE
    prefix_caching: bool = True
    eager: bool = False
    pooling: bool = False
    image_limit: int = 0
    auto_tool_choice: bool = False
    prompt_tokens_details: bool = False
    load_tracking: bool = False
    log_access: bool = True
    log_stats: bool = True
    api_keys: tuple[str, ...] = ()
    shutdown_timeout_s: float = 0.0
    tensor_parallel: int = 1
    gpu_memory_utilization: float = 0.92
    timing: Timing = field(default_factory=Timing)
    faults: tuple[Fault, ...] = ()
    seed: int = 0
    children: int = 1
    device: str = "gpu"
    said: Mapping[str, object] = field(default_factory=dict)


def parse(words: Sequence[str], face: EngineFace) -> Options:
    """`words` after the program's name. Raises UsageError."""
    return of(argv.parse(words, face))


def of(given: Given) -> Options:
    """Raises UsageError."""
    model = given.model or given.text("model", "Qwen/Qwen3-0.6B")  # vLLM's own default model
    max_model_len = given.integer("max-model-len", DEFAULT_MAX_MODEL_LEN)
    return Options(
        model=model,
        host=given.text("host", DEFAULT_HOST),
        port=given.integer("port", 8000),
        served_names=given.texts("served-model-name") or (model,),
        max_model_len=max_model_len if max_model_len > 0 else DEFAULT_MAX_MODEL_LEN,
        max_num_seqs=_at_least_one("max-num-seqs", given, DEFAULT_MAX_NUM_SEQS),
        max_batched_tokens=_at_least_one("max-num-batched-tokens", given, DEFAULT_MAX_BATCHED_TOKENS),
        block_size=_at_least_one("block-size", given, DEFAULT_BLOCK_SIZE),
        prefix_caching=given.flag("enable-prefix-caching", default=True),
        eager=given.flag("enforce-eager"),
        pooling=given.text("runner", "auto") == "pooling",
        image_limit=0 if given.flag("language-model-only") else _images(given.one("limit-mm-per-prompt", {})),
        auto_tool_choice=given.flag("enable-auto-tool-choice") and "tool-call-parser" in given.values,
        prompt_tokens_details=given.flag("enable-prompt-tokens-details"),
        load_tracking=given.flag("enable-server-load-tracking"),
        log_access=not given.flag("disable-uvicorn-access-log"),
        log_stats=not given.flag("disable-log-stats"),
        api_keys=given.texts("api-key"),
        shutdown_timeout_s=given.number("shutdown-timeout", 0.0),
        tensor_parallel=given.integer("tensor-parallel-size", 1),
        gpu_memory_utilization=given.number("gpu-memory-utilization", 0.92),
        timing=_timing(given),
        faults=_faults(given),
        seed=given.integer("simulator-seed", 0),
        children=given.integer("simulator-children", 1),
        device=given.text("simulator-device", "gpu"),
        said=_said(model, given),
    )


def _at_least_one(name: str, given: Given, default: int) -> int:
    value = given.integer(name, default)
    if value < 1:
        raise UsageError(f"argument --{name}: invalid value: {value} is less than 1")
    return value


def _images(limits: object) -> int:
    limit = limits.get("image", 0) if isinstance(limits, dict) else 0
    if isinstance(limit, dict):  # `{"image": {"count": 4, "width": 512}}`
        limit = limit.get("count", 0)
    return limit if isinstance(limit, int) else 0


def _timing(given: Given) -> Timing:
    try:
        return timing.parse(json.dumps(given.one("simulator-timing", {})))
    except timing.BadTiming as exc:
        raise UsageError(f"argument --simulator-timing: {exc}") from exc


def _faults(given: Given) -> tuple[Fault, ...]:
    try:
        return tuple(faults.parse(text) for text in given.texts("simulator-fault"))
    except faults.UnknownFault as exc:
        raise UsageError(f"argument --simulator-fault: {exc}") from exc


def _said(model: str, given: Given) -> Mapping[str, object]:
    said: dict[str, object] = {"model_tag": model, "model": model}
    for name, values in given.values.items():
        if name not in argv.OWN_FLAGS:
            key = name.replace("-", "_")
            said[key] = list(values) if key == "served_model_name" or len(values) > 1 else values[-1]
    return said
