"""Every key that a profile may have, in one table: who reads it, what it takes, and what it is for.

The prefix says who reads a line: `MODEL_SLOT_` the slot, `SERVE_` the engine's command line, `FRONTDOOR_` the
frontdoor, an engine prefix the engine's environment. The reference in the documentation is made from these tables.
What the engine's own flags take is in `engine_flags`, which names no profile may have in `refused`; `rules` decides
what is wrong with a profile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from slot.profiles import kinds
from slot.profiles.kinds import Kind

DEFAULT_ENGINE_HOST = "127.0.0.1"
DEFAULT_ENGINE_PORT = 18080
DEFAULT_FRONTDOOR_HOST = "127.0.0.1"
DEFAULT_FRONTDOOR_PORT = 8000
DEFAULT_LOAD_TIMEOUT_S = 2400.0
DEFAULT_STALL_TIMEOUT_S = 600.0
DEFAULT_STOP_GRACE_S = 240.0

PROFILE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.))*")

MODALITIES = ("text", "image", "audio", "video")

# A family may be followed by `-` and a detail; the longer name comes first, or `production` would hide its candidates.
STATUS_FAMILIES = (
    "base",
    "production-candidate",
    "production",
    "baseline",
    "candidate",
    "research",
    "experimental",
    "experiment",
    "comparison",
    "latency-probe",
    "rejected",
    "blocked",
    "test",
)
# Whoever has one of these says why, and whoever serves it nevertheless is told.
ADVISED_AGAINST = ("rejected", "blocked")

# What FRONTDOOR_ALLOWED_FIELDS may let in; the frontdoor's own list, which a test compares.
ALLOWABLE_FIELDS = (
    "audio_embeds",
    "audio_url",
    "background",
    "chat_template",
    "chat_template_kwargs.chat_template",
    "chat_template_kwargs.tokenize",
    "data",
    "ec_transfer_params",
    "file_url",
    "guided_choice",
    "guided_decoding_backend",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "guided_whitespace_pattern",
    "image_embeds",
    "image_pil",
    "input_audio",
    "kv_transfer_params",
    "logits_processors",
    "media_io_kwargs",
    "mm_processor_kwargs",
    "priority",
    "prompt_embeds",
    "request_id",
    "response_format.type",
    "structured_outputs.grammar",
    "structured_outputs.regex",
    "structured_outputs.structural_tag",
    "structured_outputs.whitespace_pattern",
    "uuid",
    "video_embeds",
    "video_url",
    "vllm_xargs",
)


def family_of(status: str) -> str:
    """The status without its detail: `production-candidate-requant` is a `production-candidate`."""
    return next((family for family in STATUS_FAMILIES if f"{status}-".startswith(f"{family}-")), status)


@dataclass(frozen=True)
class Key:
    """One key of a profile; `default` is how the documentation words the value that counts when the key is absent."""

    name: str
    kind: Kind
    doc: str
    default: str | None = None


class Canary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question whose answer shows that the model is the one that was meant, and in its right mind.

    Asked greedily; right is an answer that has `contains` in it.
    """

    prompt: Annotated[str, Meta(min_length=1)]
    contains: Annotated[str, Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=1, le=256)] = 8


def _table(*keys: Key) -> dict[str, Key]:
    return {key.name: key for key in keys}


_NAME = kinds.matching(PROFILE_NAME.pattern, "lower-case letters, digits, '-' and single '.', not first a '-' or '.'")
_PLACE = kinds.matching(
    r"(?!(?:.*/)?\.\.(?:/|$))(?!~(?!/)).+",
    "a path without '..': absolute, below the home ('~/'), or below the data directory",
)
_FILE = kinds.matching(r"(?!.*/\.\.(?:/|$))/.+", "an absolute path without '..'")
_PORT = kinds.integer(1, 65535)
_COUNT = kinds.integer(1)
_TOKENS = kinds.integer(1, unit="tokens")
_SECONDS = kinds.number(0, unit="seconds")
_SOME_SECONDS = kinds.number(above=0, unit="seconds")
_SWITCH = kinds.choice("true", "false", "1", "0")
_WORDS = kinds.matching(r"[^\s,]+(,[^\s,]+)*", "words with commas and no blanks between them")
_RATE = kinds.number(above=0, unit="tokens per second")
_RATES = Annotated[dict[Annotated[int, Meta(ge=1)], Annotated[float, Meta(gt=0)]], Meta(min_length=1)]

MODEL_SLOT = _table(
    Key("MODEL_SLOT_NAME", _NAME, "The profile's name: that of its file without `.env`."),
    Key("MODEL_SLOT_TITLE", kinds.text(), "The model's name for people.", "the profile's name"),
    Key("MODEL_SLOT_PURPOSE", kinds.text(), "What to use the profile for, in a few words; `slotctl list` shows it."),
    Key("MODEL_SLOT_STORY", kinds.text(), "How the profile came to be as it is, in one line."),
    Key(
        "MODEL_SLOT_HF_ID",
        kinds.matching(r"[A-Za-z0-9][\w.-]*/[\w.-]+", "a model id of the form owner/name"),
        "The model's id on the hub; served by id where there is no MODEL_SLOT_MODEL_DIR.",
    ),
    Key(
        "MODEL_SLOT_HF_REVISION",
        kinds.matching(r"[A-Za-z0-9][\w./-]*", "a commit, branch or tag of the model's repository"),
        "The revision of the model that the profile was proven with; a commit, to be repeatable.",
        "the newest",
    ),
    Key("MODEL_SLOT_MODALITIES", kinds.words(*MODALITIES), "What a request may contain.", "text"),
    Key(
        "MODEL_SLOT_STATUS",
        kinds.matching(
            rf"(?:{'|'.join(STATUS_FAMILIES)})(?:-[a-z0-9]+)*",
            f"one of {', '.join(STATUS_FAMILIES)}, with an optional -detail",
        ),
        "What the profile may be called; a `base` is only there to be extended. Never inherited.",
    ),
    Key("MODEL_SLOT_STATUS_REASON", kinds.text(), "Why it has that status. Never inherited."),
    Key("MODEL_SLOT_EXTENDS", _NAME, "The profile whose values count wherever this one is silent."),
    Key("MODEL_SLOT_ENGINE", kinds.choice("vllm", "simulator"), "What serves the model.", "vllm"),
    Key(
        "MODEL_SLOT_ENGINE_LINE",
        kinds.matching(r"[0-9]+\.[0-9]+(?:[.-][a-z0-9]+)*", "a version such as 0.32, or 0.20-local for a patched one"),
        "The version of the engine on which the profile was proven.",
    ),
    Key(
        "MODEL_SLOT_PATCHES",
        kinds.matching(r"[\w.-]+(?:,[\w.-]+)*", "names of patches, with commas and no blanks between them"),
        "The local patches that the engine must have.",
    ),
    Key(
        "MODEL_SLOT_VENV", _PLACE, "The engine's own virtual environment; a relative path is below the data directory."
    ),
    Key(
        "MODEL_SLOT_MODEL_DIR",
        _PLACE,
        "The directory with the weights; a relative path is below the data directory.",
        "none: MODEL_SLOT_HF_ID is served by id",
    ),
    Key(
        "MODEL_SLOT_EXTRA_ARGS",
        kinds.json_of(list[str], 'a JSON list of strings, such as ["--flag","value"]'),
        "Words added to the engine's command line, for flags that SERVE_* does not know.",
    ),
    Key(
        "MODEL_SLOT_LOAD_TIMEOUT_S",
        _SOME_SECONDS,
        "How long the engine may take until it is ready, in seconds.",
        f"{DEFAULT_LOAD_TIMEOUT_S:g}",
    ),
    Key(
        "MODEL_SLOT_STALL_TIMEOUT_S",
        _SOME_SECONDS,
        "How long the engine may say nothing while it loads, in seconds.",
        f"{DEFAULT_STALL_TIMEOUT_S:g}",
    ),
    Key(
        "MODEL_SLOT_STOP_GRACE_S",
        kinds.number(above=5, unit="seconds"),
        "How long the engine may take to stop before it is killed, in seconds.",
        f"{DEFAULT_STOP_GRACE_S:g}",
    ),
    Key(
        "MODEL_SLOT_WEDGE_TIMEOUT_S",
        _SOME_SECONDS,
        "How long the engine may stand still with requests in hand before it counts as wedged, in seconds.",
        "three times the longest prefill, at least 120, by MODEL_SLOT_MEASURED_PREFILL_TOKENS_PER_S; 600 without it",
    ),
    Key(
        "MODEL_SLOT_CANARY",
        kinds.json_of(Canary, 'JSON such as {"prompt":"2 + 2 =","contains":"4","max_tokens":8}'),
        "A question that a switch asks the model before it counts as switched: the answer must have `contains` in it.",
        "none: a token is enough",
    ),
    Key("MODEL_SLOT_MEASURED_LOAD_S", _SECONDS, "Measured: from start to ready, in seconds."),
    Key("MODEL_SLOT_MEASURED_WEIGHTS_S", _SECONDS, "Measured: loading the weights, in seconds."),
    Key("MODEL_SLOT_MEASURED_COMPILE_S", _SECONDS, "Measured: compiling, in seconds."),
    Key("MODEL_SLOT_MEASURED_GRAPH_CAPTURE_S", _SECONDS, "Measured: capturing graphs, in seconds."),
    Key("MODEL_SLOT_MEASURED_KV_TOKENS", _TOKENS, "Measured: how many tokens the KV cache holds."),
    Key("MODEL_SLOT_MEASURED_TTFT_S", _SECONDS, "Measured: time to the first token of a short prompt, in seconds."),
    Key("MODEL_SLOT_MEASURED_PREFILL_TOKENS_PER_S", _RATE, "Measured: prompt tokens per second of one request."),
    Key(
        "MODEL_SLOT_MEASURED_DECODE_TOKENS_PER_S",
        kinds.json_of(
            _RATES, 'JSON with concurrency and tokens per second (both positive), such as {"1":112.77,"8":784.69}'
        ),
        "Measured: output tokens per second of all requests together, by the number of requests.",
    ),
)

FRONTDOOR = _table(
    Key(
        "FRONTDOOR_HOST",
        kinds.matching(r"[\w.:-]+", "an address to listen on"),
        "Where the frontdoor listens.",
        DEFAULT_FRONTDOOR_HOST,
    ),
    Key("FRONTDOOR_PORT", _PORT, "The port on which the frontdoor listens.", str(DEFAULT_FRONTDOOR_PORT)),
    Key(
        "FRONTDOOR_BACKEND_URL",
        kinds.http_url(),
        "Where the engine answers.",
        "SERVE_HOST and SERVE_PORT",
    ),
    Key(
        "FRONTDOOR_MAX_ACTIVE_GENERATIONS",
        kinds.integer(1, 100_000),
        "The cap: how many requests may generate at once; at most SERVE_MAX_NUM_SEQS.",
        "SERVE_MAX_NUM_SEQS",
    ),
    Key(
        "FRONTDOOR_QUEUE_TIMEOUT_S",
        _SECONDS,
        "How long a request may wait for its turn, in seconds; 0 refuses at once.",
        "0",
    ),
    Key("FRONTDOOR_MAX_QUEUED", kinds.integer(0, 100_000), "How many requests may wait for their turn.", "64"),
    Key(
        "FRONTDOOR_BACKEND_TIMEOUT_S",
        _SOME_SECONDS,
        "How long the engine may say nothing in answer to a request before it is given up, in seconds.",
        "600",
    ),
    Key(
        "FRONTDOOR_MAX_ACTIVE_POOLING",
        kinds.integer(1, 100_000),
        "How many embeddings, scores and the like may run at once.",
        "32",
    ),
    Key(
        "FRONTDOOR_MAX_ACTIVE_PER_CLIENT",
        kinds.integer(1, 100_000),
        "How many generations one client may have at once.",
        "none",
    ),
    Key(
        "FRONTDOOR_FAIR_SHARE",
        _SWITCH,
        "Whether no client may hold more than its share while another waits or is refused; "
        "unset: when requests may wait or FRONTDOOR_MAX_ACTIVE_PER_CLIENT is set.",
    ),
    Key(
        "FRONTDOOR_SESSION_HEADER",
        kinds.matching(r"[A-Za-z0-9_-]{1,64}", "a header's name"),
        "The header that tells clients without an API key apart.",
        "X-Session-Id",
    ),
    Key(
        "FRONTDOOR_TOKEN_ADMISSION",
        _SWITCH,
        "Whether requests are also admitted by their estimated tokens against the engine's KV cache.",
        "false",
    ),
    Key(
        "FRONTDOOR_KV_CACHE_TOKENS",
        _TOKENS,
        "How many tokens the engine's KV cache holds; unset: what the engine says while it starts.",
    ),
    Key(
        "FRONTDOOR_TOKENS_PER_BYTE",
        kinds.number(0.001, 1),
        "How many tokens a byte of a prompt counts as when requests are admitted by tokens.",
        "0.3",
    ),
    Key("FRONTDOOR_BUSY_STATUS", kinds.choice("503", "429", "529"), "The status of an answer at capacity.", "503"),
    Key(
        "FRONTDOOR_PING_INTERVAL_S",
        _SECONDS,
        "How long a stream may be silent before the client gets a ping, in seconds; 0 for no pings.",
        "15.0",
    ),
    Key("FRONTDOOR_MAX_BODY_BYTES", kinds.integer(1, unit="bytes"), "The largest request body, in bytes.", "67108864"),
    Key(
        "FRONTDOOR_MODEL_ALIAS",
        kinds.matching(r"[\w./:-]{1,200}", "a model name"),
        "The model name that always means the loaded model.",
        "active",
    ),
    Key(
        "FRONTDOOR_ALLOWED_FIELDS",
        kinds.words(*ALLOWABLE_FIELDS),
        "Request fields that are denied by default and allowed here, with commas.",
        "none",
    ),
    Key(
        "FRONTDOOR_IMAGE_HOSTS",
        _WORDS,
        "Hosts that the engine may fetch images from, with commas; unset: images come as `data:` URLs only.",
    ),
    Key("FRONTDOOR_MAX_IMAGES", kinds.integer(0), "The most images in a request.", "32"),
    Key("FRONTDOOR_MAX_MESSAGES", kinds.integer(1), "The most messages in a request.", "2048"),
    Key("FRONTDOOR_MAX_LOGPROBS", kinds.integer(0), "The most logprobs for each token.", "20"),
    Key("FRONTDOOR_PAUSE_FILE", _FILE, "While this file exists, no new generation is admitted."),
    Key(
        "FRONTDOOR_CORS_ALLOW_ORIGIN",
        kinds.matching(r"\*|https?://[^\s/]+", "'*' or an origin such as http://host:3000"),
        "The web origin whose pages may call the frontdoor.",
        "none",
    ),
    Key("FRONTDOOR_LOG_EVENTS", _SWITCH, "Whether each request is logged.", "true"),
    Key(
        "FRONTDOOR_CHAT_TEMPLATE_KWARGS_JSON",
        kinds.json_of(dict[str, object], "a JSON object"),
        "Defaults for `chat_template_kwargs` of chat requests; the client's own values win.",
    ),
    Key("FRONTDOOR_DEFAULT_MAX_OUTPUT_TOKENS", _TOKENS, "The output limit of a request that names none."),
    Key("FRONTDOOR_MAX_OUTPUT_TOKENS", _TOKENS, "The largest output limit that a request may name."),
)

# What depends on the host and not on the model: told in the frontdoor's environment, and in no profile.
HOST_SETTINGS = frozenset(
    {
        "FRONTDOOR_ALLOWED_HOSTS",
        "FRONTDOOR_API_KEYS_FILE",
        "FRONTDOOR_BODY_IDLE_TIMEOUT_S",
        "FRONTDOOR_BODY_TIMEOUT_S",
        "FRONTDOOR_CONTROL_SOCKET",
        "FRONTDOOR_DRAIN_TIMEOUT_S",
        "FRONTDOOR_HEAD_TIMEOUT_S",
        "FRONTDOOR_KEEP_ALIVE_S",
        "FRONTDOOR_MAX_CONNECTIONS",
        "FRONTDOOR_MAX_CONNECTIONS_PER_ADDRESS",
        "FRONTDOOR_MAX_HEAD_BYTES",
        "FRONTDOOR_TLS_CERTIFICATE",
        "FRONTDOOR_TLS_PRIVATE_KEY",
        "FRONTDOOR_WRITE_STALL_TIMEOUT_S",
    }
)
# Where the frontdoor finds profile and state: whoever starts it says so.
FRONTDOOR_PLACES = frozenset({"FRONTDOOR_ACTIVE_PROFILE", "FRONTDOOR_SLOT_STATE"})

# Read by the slot, turned into the engine's command line, read by the frontdoor.
OUR_PREFIXES = ("MODEL_SLOT_", "SERVE_", "FRONTDOOR_")

# Exported to the engine exactly as written.
ENGINE_PREFIXES = (
    "VLLM_",
    "CCL_",
    "ZE_",
    "ZES_",
    "ONEAPI_",
    "SYCL_",
    "XPU_",
    "FI_",
    "HF_",
    "TORCH_",
    "PYTORCH_",
    "TORCHINDUCTOR_",
    "TRITON_",
    "TRANSFORMERS_",
    "OMP_",
    "UR_",
    "IGC_",
    "NEO_",
)
