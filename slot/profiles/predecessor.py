"""The names that the predecessor's profiles used, and what became of them.

It prefixed the engine's flags with `VLLM_`, the prefix of the engine's own environment variables. Carried over as they
are, such lines would set nothing, and nobody would notice: the engine ignores a variable that it does not know.
"""

from __future__ import annotations

from slot.profiles import engine_flags
from slot.profiles.engine_face import known_flags
from slot.profiles.keys import ENGINE_PREFIXES, OUR_PREFIXES

# Its variables, with or without `VLLM_`, that are now a key of the slot.
_KEYS = {
    "MODEL_DIR": "MODEL_SLOT_MODEL_DIR",
    "VENV": "MODEL_SLOT_VENV",
    "EXTRA_ARGS": "MODEL_SLOT_EXTRA_ARGS",
}

# Its variables that turned a flag off: the flag's own key says it the other way round.
INVERTED = {"NO_SCHEDULER_RESERVE_FULL_ISL": "SERVE_SCHEDULER_RESERVE_FULL_ISL"}

_NO_REWRITING = "requests are not rewritten; SERVE_SERVED_MODEL_NAME takes several names"

# Its variables that have no successor, each with what to do instead.
GONE = {
    "FRONTDOOR_SERVED_MODEL_NAME": _NO_REWRITING,
    "FRONTDOOR_REWRITE_REQUEST_MODEL": _NO_REWRITING,
    "B70_CCL_IFACE": "write FI_TCP_IFACE and CCL_KVS_IFACE",
    "B70_SOURCE_ONEAPI": "nothing is sourced; the engine's venv must bring its own libraries",
}

# The engine does read this one (as the base of its internal ports), but the predecessor meant the flag.
_MEANT_AS_FLAG = frozenset({"VLLM_PORT"})


def twin(name: str, engine_environment: frozenset[str]) -> str | None:
    """Our key for a variable of the predecessor; None for what is no such variable.

    A name in `engine_environment`, which an engine reads, is the engine's, and so is one with another engine prefix.
    """
    if name.startswith(OUR_PREFIXES) or (name in engine_environment and name not in _MEANT_AS_FLAG):
        return None
    if name.startswith(ENGINE_PREFIXES) and not name.startswith("VLLM_"):
        return None
    bare = name.removeprefix("VLLM_")
    known = _KEYS.get(bare) or INVERTED.get(bare)
    flag = engine_flags.flag_of(bare)
    return known or (engine_flags.key_of(flag) if flag in known_flags() else None)
