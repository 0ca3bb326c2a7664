"""The command line of the simulated engine: every flag of `vllm serve` 0.32, refused in vLLM's words.

The flags come from the face that vLLM itself wrote (`slot/profiles/engine_faces/vllm-0.32.json`), so what the
simulator takes is what vLLM takes. Most flags change nothing here; `Options` has those that do. Our own begin with
`--simulator-`.

Source of the wordings: `vllm serve` 0.32.0, measured; values with a unit: `human_readable_int` of its argparse module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from slot.profiles.engine_face import EngineFace, Flag
from slot.simulator import faults, timing
from slot.simulator.faults import Fault
from slot.simulator.timing import Timing

DEFAULT_MAX_MODEL_LEN = 32_768
DEFAULT_BLOCK_SIZE = 128
DEFAULT_MAX_NUM_SEQS = 256
DEFAULT_MAX_BATCHED_TOKENS = 8_192

OWN_FLAGS: Mapping[str, Flag] = {
    "simulator-timing": Flag("json"),
    "simulator-fault": Flag("str"),
    "simulator-seed": Flag("int"),
    "simulator-children": Flag("int"),
    "simulator-device": Flag("str", choices=("gpu", "xpu", "cpu")),
}

_USAGE = {
    "vllm": "usage: vllm [-h] [-v]\n            {chat,complete,serve,launch,bench,collect-env,download-kernels,preload,"
    "run-batch,snapshot}\n            ...",
    "vllm serve": "usage: vllm serve [model_tag] [options]",
}
_UNITS = {"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_WITH_UNIT = re.compile(r"(\d+(?:\.\d+)?)([kKmMgGtT])")


class UsageError(Exception):
    """The command line is refused: `str()` is what vLLM writes to stderr before it exits with 2."""

    def __init__(self, message: str, *, program: str = "vllm serve") -> None:
        super().__init__(f"{_USAGE[program]}\n{program}: error: {message}")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the flags mean to the simulator. Sizes are tokens, times seconds.

    `image_limit`: pictures per prompt, 0 for a text model. `shutdown_timeout_s`: 0 aborts what runs at SIGTERM.
    `said`: the flags as given, for the start log's `non-default args`.
    """

    model: str
    host: str = "0.0.0.0"
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
    """`words` after the program's name: `serve MODEL --flag value ...`. Raises UsageError."""
    if not words or words[0] != "serve":
        raise UsageError(f"argument subparser: invalid choice: {words[0] if words else None!r}", program="vllm")
    model, given = _split(words[1:], {**face.flags, **OWN_FLAGS})
    return _options(model, given)


@dataclass(frozen=True)
class _Given:
    """The flags of one command line: name -> its converted values, the last one counts where only one can."""

    values: Mapping[str, Sequence[object]]

    def one(self, name: str, default: object) -> object:
        return self.values[name][-1] if name in self.values else default

    def integer(self, name: str, default: int) -> int:
        value = self.one(name, default)
        return value if isinstance(value, int) else default  # `auto`: the engine's own choice, as if it were not given

    def number(self, name: str, default: float) -> float:
        value = self.one(name, default)
        return float(value) if isinstance(value, int | float) else default

    def text(self, name: str, default: str) -> str:
        return str(self.one(name, default))

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(str(value) for value in self.values.get(name, ()))

    def flag(self, name: str, default: bool = False) -> bool:
        return bool(self.one(name, default))


def _options(model: str | None, given: _Given) -> Options:
    if model is None:
        model = given.text("model", "Qwen/Qwen3-0.6B")  # vLLM's own default model
    max_model_len = given.integer("max-model-len", DEFAULT_MAX_MODEL_LEN)
    return Options(
        model=model,
        host=given.text("host", "0.0.0.0"),
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


def _split(words: Sequence[str], flags: Mapping[str, Flag]) -> tuple[str | None, _Given]:
    values: dict[str, list[object]] = {}
    models: list[str] = []
    unrecognized: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            (models if not models else unrecognized).append(word)
            continue
        name, equals, attached = word[2:].partition("=")
        name = name.replace("_", "-")
        flag, enabled = _find(name, flags)
        if flag is None:
            unrecognized.append(word)
            continue
        texts = [attached] if equals else list(_values_of(flag, rest))
        values.setdefault(_base(name, flags), []).extend(_converted(name, flag, texts, enabled))
    if unrecognized:
        raise UsageError(f"unrecognized arguments: {' '.join(unrecognized)}", program="vllm")
    return (models[0] if models else None), _Given(values)


def _base(name: str, flags: Mapping[str, Flag]) -> str:
    """`no-enable-x` -> `enable-x`, `compilation-config.mode` -> `compilation-config`."""
    if name in flags:
        return name
    return name.removeprefix("no-") if name.removeprefix("no-") in flags else name.partition(".")[0]


def _find(name: str, flags: Mapping[str, Flag]) -> tuple[Flag | None, bool]:
    """The flag of that name and whether it is switched on rather than off."""
    if name in flags:
        return flags[name], True
    flag = flags.get(_base(name, flags))
    if flag is not None and name.startswith("no-") and flag.kind == "bool":
        return flag, False
    if flag is not None and "." in name and flag.kind == "json":
        return Flag("str"), True  # one member of a JSON argument: `--compilation-config.mode 3`
    return None, True


def _values_of(flag: Flag, rest: list[str]) -> Iterator[str]:
    """Takes the words that belong to a flag off the front of `rest`."""
    if flag.kind in ("bool", "switch"):
        return
    taken = 0
    while rest and not rest[0].startswith("--") and (taken == 0 or flag.many):
        taken += 1
        yield rest.pop(0)


def _converted(name: str, flag: Flag, texts: Sequence[str], enabled: bool) -> list[object]:
    if flag.kind in ("bool", "switch"):
        if texts:
            raise UsageError(f"argument --{name}: ignored explicit argument {texts[0]!r}")
        return [enabled]
    if not texts:
        count = "at least one argument" if flag.many else "one argument"
        raise UsageError(f"argument --{name}: expected {count}")
    return [_value(name, flag, text) for text in texts]


def _value(name: str, flag: Flag, text: str) -> object:
    if flag.choices and text not in flag.choices:
        among = ", ".join(repr(choice) for choice in flag.choices)
        raise UsageError(f"argument --{name}: invalid choice: {text!r} (choose from {among})")
    try:
        match flag.kind:
            case "int" | "int_or_auto":
                return "auto" if flag.kind == "int_or_auto" and text in ("auto", "-1") else _whole_number(text)
            case "float":
                return float(text)
            case "json":
                return json.loads(text)
    except ValueError:
        kind = {"json": "json.loads", "int_or_auto": "human_readable_int_or_auto"}.get(flag.kind, flag.kind)
        raise UsageError(f"argument --{name}: invalid {kind} value: {text!r}") from None
    return text


def _whole_number(text: str) -> int:
    """`1k` is 1000 and `1K` is 1024. Raises ValueError."""
    if match := _WITH_UNIT.fullmatch(text):
        return int(float(match[1]) * _UNITS[match[2]])
    return int(text)


def _at_least_one(name: str, given: _Given, default: int) -> int:
    value = given.integer(name, default)
    if value < 1:
        raise UsageError(f"argument --{name}: invalid value: {value} is less than 1")
    return value


def _images(limits: object) -> int:
    limit = limits.get("image", 0) if isinstance(limits, dict) else 0
    if isinstance(limit, dict):  # `{"image": {"count": 4, "width": 512}}`
        limit = limit.get("count", 0)
    return limit if isinstance(limit, int) else 0


def _timing(given: _Given) -> Timing:
    try:
        return timing.parse(json.dumps(given.one("simulator-timing", {})))
    except timing.BadTiming as exc:
        raise UsageError(f"argument --simulator-timing: {exc}") from exc


def _faults(given: _Given) -> tuple[Fault, ...]:
    try:
        return tuple(faults.parse(text) for text in given.texts("simulator-fault"))
    except faults.UnknownFault as exc:
        raise UsageError(f"argument --simulator-fault: {exc}") from exc


def _said(model: str, given: _Given) -> Mapping[str, object]:
    said: dict[str, object] = {"model_tag": model, "model": model}
    for name, values in given.values.items():
        if name not in OWN_FLAGS:
            key = name.replace("-", "_")
            said[key] = list(values) if key == "served_model_name" or len(values) > 1 else values[-1]
    return said
