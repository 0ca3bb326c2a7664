"""The names that no profile may have, whatever their value, each with its reason.

A profile is data that an operator may take from somewhere else: it chooses a model and how it is served, and it must
not be able to choose what code runs, to open the engine's administration, or to carry a secret.
"""

from __future__ import annotations

import re

_LOADS_CODE = "it decides which code runs, in the engine and in everything that the engine starts"
_SECRET = "every user of this host can read profiles, command lines and systemd's environment"
_OPENS_ADMINISTRATION = "it opens administrators' routes on the engine"
_OTHER_TRANSPORT = "the slot and the frontdoor reach the engine by plain HTTP on a port"

REFUSED = {
    **dict.fromkeys(("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "PATH", "BASH_ENV", "ENV"), _LOADS_CODE),
    **dict.fromkeys(("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"), _LOADS_CODE),
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
