"""The names that no profile may have, whatever their value, each with its reason.

A profile is data that an operator may take from somewhere else: it chooses a model and how it is served, and it must
not be able to name code of its own, to open the engine's administration, or to carry a secret. What remains is in plain
sight: the engine's venv is code that somebody installed, and SERVE_TRUST_REMOTE_CODE says that the model's own is run.
"""

from __future__ import annotations

import re

_LOADS_CODE = "it decides which code runs, in the engine and in everything that the engine starts"
_NAMES_CODE = "it names code for the engine to load"
_SECRET = "every user of this host can read profiles, command lines and systemd's environment"
_OPENS_ADMINISTRATION = "it opens administrators' routes on the engine"
_OTHER_TRANSPORT = "the slot and the frontdoor reach the engine by plain HTTP on a port"

REFUSED = {
    **dict.fromkeys(("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "PATH", "BASH_ENV", "ENV"), _LOADS_CODE),
    **dict.fromkeys(("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"), _LOADS_CODE),
    **dict.fromkeys(("SERVE_MIDDLEWARE", "SERVE_TOOL_PARSER_PLUGIN", "SERVE_REASONING_PARSER_PLUGIN"), _NAMES_CODE),
    **dict.fromkeys(("SERVE_IO_PROCESSOR_PLUGIN", "SERVE_LOGITS_PROCESSORS", "SERVE_SCHEDULER_CLS"), _NAMES_CODE),
    **dict.fromkeys(("SERVE_WORKER_CLS", "SERVE_WORKER_EXTENSION_CLS", "SERVE_MODEL_CLASS_OVERRIDES"), _NAMES_CODE),
    **dict.fromkeys(("VLLM_PLUGINS", "VLLM_LOGGING_CONFIG_PATH", "VLLM_RUST_FRONTEND_PATH"), _NAMES_CODE),
    **dict.fromkeys(("SERVE_LOG_CONFIG_FILE", "SERVE_LOGGING_CONFIG"), _NAMES_CODE),
    **dict.fromkeys(("VLLM_NCCL_SO_PATH", "VLLM_CUDART_SO_PATH", "TRITON_LIBCUDA_PATH"), _NAMES_CODE),
    "SERVE_PROFILER_CONFIG": _OPENS_ADMINISTRATION,
    "SERVE_ALLOWED_LOCAL_MEDIA_PATH": "it lets requests read files of this host",
    **dict.fromkeys(("VLLM_SERVER_DEV_MODE", "VLLM_ALLOW_RUNTIME_LORA_UPDATING"), _OPENS_ADMINISTRATION),
    "VLLM_ALLOW_INSECURE_SERIALIZATION": "it lets the engine unpickle, and so execute, what it is sent",
    **dict.fromkeys(("VLLM_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"), _SECRET),
    **dict.fromkeys(("SERVE_API_KEY", "SERVE_HF_TOKEN"), _SECRET),
    **dict.fromkeys(("SERVE_UDS", "SERVE_GRPC", "SERVE_HEADLESS"), _OTHER_TRANSPORT),
    **dict.fromkeys(("SERVE_SSL_KEYFILE", "SERVE_SSL_CERTFILE"), _OTHER_TRANSPORT),
    "SERVE_MODEL": "the model is named by MODEL_SLOT_MODEL_DIR or MODEL_SLOT_HF_ID",
    "SERVE_CONFIG": "it names a file whose flags would be checked by nobody",
}

# An engine's prefix makes a name exportable; this keeps secrets out that are not in the table by their name.
_NAME_OF_A_SECRET = re.compile(r".*_(?:TOKEN|API_KEY|ACCESS_KEY|SECRET|PASSWORD)")


def reason(key: str) -> str | None:
    """Why no profile may have this key; None where it may."""
    return REFUSED.get(key) or (_SECRET if _NAME_OF_A_SECRET.fullmatch(key) else None)
