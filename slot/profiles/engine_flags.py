"""How a `SERVE_*` key becomes a flag of the engine, and what that flag takes."""

from __future__ import annotations

from slot.profiles import kinds
from slot.profiles.engine_face import Flag, known_flags
from slot.profiles.kinds import Kind

PREFIX = "SERVE_"

_COUNT = kinds.integer(1)
_TOKENS = kinds.integer(1, unit="tokens")
_SHARE = kinds.number(above=0, high=1)
_GIB = kinds.number(0, unit="GiB")

# What the faces cannot know, because the engine's parser does not know it either: it fails later, while it starts
# (vLLM 0.32, `vllm/config/*.py`). The host is our own rule.
RANGES = {
    "host": kinds.loopback(),
    "port": kinds.integer(1, 65535),
    "max-model-len": kinds.integer(1, unit="tokens", also=("auto",)),
    "max-num-seqs": _COUNT,
    "max-num-batched-tokens": _TOKENS,
    "gpu-memory-utilization": _SHARE,
    "device-memory-utilization": _SHARE,
    "tensor-parallel-size": _COUNT,
    "pipeline-parallel-size": _COUNT,
    "data-parallel-size": _COUNT,
    "decode-context-parallel-size": _COUNT,
    "prefill-context-parallel-size": _COUNT,
    "block-size": _COUNT,
    "kv-cache-memory-bytes": kinds.integer(1, unit="bytes"),
    "kv-offloading-size": _GIB,
    "cpu-offload-gb": _GIB,
    # the parser would also take a class to import
    "distributed-executor-backend": kinds.choice("mp", "uni", "ray", "external_launcher"),
    "stream-interval": _COUNT,
    "shutdown-timeout": kinds.integer(0, unit="seconds"),
    "api-server-count": _COUNT,
}


def flag_of(key: str) -> str:
    """`SERVE_MAX_MODEL_LEN` -> `max-model-len`."""
    return key.removeprefix(PREFIX).lower().replace("_", "-")


def key_of(flag: str) -> str:
    """`max-model-len` -> `SERVE_MAX_MODEL_LEN`."""
    return PREFIX + flag.upper().replace("-", "_")


def kind_of(key: str) -> Kind | None:
    """What the flag of a `SERVE_*` key takes; None where no engine has such a flag."""
    name = flag_of(key)
    flag = known_flags().get(name)
    if flag is None or key_of(name) != key:
        return None
    return RANGES.get(name) or (kinds.several(_of_one_value(flag)) if flag.many else _of_one_value(flag))


def _of_one_value(flag: Flag) -> Kind:
    if flag.choices:
        return kinds.choice(*flag.choices)
    match flag.kind:
        case "int":
            return kinds.integer()
        case "int_or_auto":
            return kinds.integer(also=("auto",))
        case "float":
            return kinds.number()
        case "bool" | "switch":
            return kinds.choice("true", "false")
        case "json":
            return kinds.json_of(object, "JSON")
        case "str":
            # One that does would be taken for the next flag: `--ignore-patterns a --host 0.0.0.0`.
            return kinds.matching(r"(?!-).+", "text that does not begin with '-'")
