"""A profile as the rest of the program sees it: every value resolved, checked, and still knowing where it came from.

A Profile is only made by `resolution.resolve`, which has refused whatever does not fit; so the properties here read
values without doubting them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from slot.address import http_url
from slot.profiles import engine_flags, keys, kinds


@dataclass(frozen=True)
class Value:
    """A value and its origin: the file and line, and the profile of the lineage, that set it."""

    text: str
    file: str
    line: int
    profile: str


@dataclass(frozen=True)
class Measured:
    """What was measured with the profile, for the simulator and for the first ETA. None: not measured.

    Durations are seconds; `decode_tokens_per_s` is output tokens of all requests together, by number of requests.
    """

    load_s: float | None
    weights_s: float | None
    compile_s: float | None
    graph_capture_s: float | None
    kv_tokens: int | None
    ttft_s: float | None
    prefill_tokens_per_s: float | None
    decode_tokens_per_s: Mapping[int, float]


@dataclass(frozen=True)
class Profile:
    """What the slot may serve. `lineage` names the profile itself first, then what it extends, to the root.

    `values` holds every key that is set, by name; a key that is not there has its default (`keys`).
    """

    name: str
    path: Path
    lineage: tuple[str, ...]
    values: Mapping[str, Value]

    def __repr__(self) -> str:
        return f"<Profile {self.name}, {self.status}, {len(self.values)} values, {self.sha256[:12]}>"

    @cached_property
    def sha256(self) -> str:
        """What the profile says, as one hash: comments, order and inheritance do not count."""
        lines = (f"{key}={value.text}\n" for key, value in sorted(self.values.items()) if key != "MODEL_SLOT_EXTENDS")
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def get(self, key: str) -> str | None:
        value = self.values.get(key)
        return None if value is None else value.text

    def engine_environment(self) -> Mapping[str, Value]:
        """The variables that the engine gets, exactly as written, sorted by name."""
        return {key: value for key, value in sorted(self.values.items()) if not key.startswith(keys.OUR_PREFIXES)}

    def serve_flags(self) -> list[tuple[str, Value]]:
        """The engine's flags with their dashes (`--max-model-len`) and their values as written, sorted by name."""
        serve = ((key, value) for key, value in sorted(self.values.items()) if key.startswith("SERVE_"))
        return [(f"--{engine_flags.flag_of(key)}", value) for key, value in serve]

    @property
    def title(self) -> str:
        return self.get("MODEL_SLOT_TITLE") or self.name

    @property
    def purpose(self) -> str:
        return self.get("MODEL_SLOT_PURPOSE") or ""

    @property
    def story(self) -> str:
        return self.get("MODEL_SLOT_STORY") or ""

    @property
    def hf_id(self) -> str:
        return self.get("MODEL_SLOT_HF_ID") or ""

    @property
    def hf_revision(self) -> str | None:
        return self.get("MODEL_SLOT_HF_REVISION")

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple((self.get("MODEL_SLOT_MODALITIES") or "text").split(","))

    @property
    def status(self) -> str:
        return self.get("MODEL_SLOT_STATUS") or ""

    @property
    def status_family(self) -> str:
        """The status without its detail."""
        return keys.family_of(self.status)

    @property
    def status_reason(self) -> str:
        return self.get("MODEL_SLOT_STATUS_REASON") or ""

    @property
    def engine(self) -> str:
        return self.get("MODEL_SLOT_ENGINE") or "vllm"

    @property
    def engine_line(self) -> str | None:
        return self.get("MODEL_SLOT_ENGINE_LINE")

    @property
    def patches(self) -> tuple[str, ...]:
        patches = self.get("MODEL_SLOT_PATCHES")
        return tuple(patches.split(",")) if patches else ()

    @property
    def venv(self) -> str | None:
        """As written: absolute, `~/...`, or relative to the data directory."""
        return self.get("MODEL_SLOT_VENV")

    @property
    def model_dir(self) -> str | None:
        """As written: absolute, `~/...`, or relative to the data directory. None: the model is served by its id."""
        return self.get("MODEL_SLOT_MODEL_DIR")

    @property
    def extra_args(self) -> tuple[str, ...]:
        extra = self.get("MODEL_SLOT_EXTRA_ARGS")
        return tuple(msgspec.json.decode(extra, type=list[str])) if extra else ()

    @property
    def served_model_name(self) -> str:
        """The name by which clients ask for the model; the first where there are several."""
        names = self.get("SERVE_SERVED_MODEL_NAME")
        return kinds.split(names)[0] if names else self.name

    @property
    def max_model_len(self) -> int | None:
        """Tokens of prompt and output together; None where the engine takes it from the model."""
        length = self.get("SERVE_MAX_MODEL_LEN")
        return None if length in (None, "auto") else int(length)

    @property
    def max_num_seqs(self) -> int:
        """How many requests the engine runs at once; 1 for a base that does not say."""
        return int(self.get("SERVE_MAX_NUM_SEQS") or 1)

    @property
    def max_active_generations(self) -> int:
        """The cap of the frontdoor, never above `max_num_seqs`."""
        return int(self.get("FRONTDOOR_MAX_ACTIVE_GENERATIONS") or self.max_num_seqs)

    @property
    def host(self) -> str:
        return self.get("SERVE_HOST") or keys.DEFAULT_ENGINE_HOST

    @property
    def port(self) -> int:
        return int(self.get("SERVE_PORT") or keys.DEFAULT_ENGINE_PORT)

    @property
    def url(self) -> str:
        """Where the engine answers, without a slash at the end."""
        return http_url(self.host, self.port)

    @property
    def runner(self) -> str:
        """`pooling` for embeddings and scores, otherwise `generate`."""
        return "pooling" if self.get("SERVE_RUNNER") == "pooling" else "generate"

    @property
    def load_timeout_s(self) -> float:
        return self._number("MODEL_SLOT_LOAD_TIMEOUT_S") or keys.DEFAULT_LOAD_TIMEOUT_S

    @property
    def stall_timeout_s(self) -> float:
        return self._number("MODEL_SLOT_STALL_TIMEOUT_S") or keys.DEFAULT_STALL_TIMEOUT_S

    @property
    def stop_grace_s(self) -> float:
        return self._number("MODEL_SLOT_STOP_GRACE_S") or keys.DEFAULT_STOP_GRACE_S

    @property
    def wedge_timeout_s(self) -> float | None:
        """None: `slot.pulse.allowance` tells it from what was measured."""
        return self._number("MODEL_SLOT_WEDGE_TIMEOUT_S")

    @property
    def canary(self) -> keys.Canary | None:
        canary = self.get("MODEL_SLOT_CANARY")
        return msgspec.json.decode(canary, type=keys.Canary) if canary else None

    @property
    def measured(self) -> Measured:
        kv_tokens = self.get("MODEL_SLOT_MEASURED_KV_TOKENS")
        decode = self.get("MODEL_SLOT_MEASURED_DECODE_TOKENS_PER_S")
        return Measured(
            load_s=self._number("MODEL_SLOT_MEASURED_LOAD_S"),
            weights_s=self._number("MODEL_SLOT_MEASURED_WEIGHTS_S"),
            compile_s=self._number("MODEL_SLOT_MEASURED_COMPILE_S"),
            graph_capture_s=self._number("MODEL_SLOT_MEASURED_GRAPH_CAPTURE_S"),
            kv_tokens=None if kv_tokens is None else int(kv_tokens),
            ttft_s=self._number("MODEL_SLOT_MEASURED_TTFT_S"),
            prefill_tokens_per_s=self._number("MODEL_SLOT_MEASURED_PREFILL_TOKENS_PER_S"),
            decode_tokens_per_s=msgspec.json.decode(decode, type=dict[int, float]) if decode else {},
        )

    def _number(self, key: str) -> float | None:
        value = self.get(key)
        return None if value is None else float(value)
