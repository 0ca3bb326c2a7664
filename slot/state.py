"""What others may know of the slot: one snapshot, and its JSON.

The supervisor alone writes it (`/run/b70-vllm-slot/state.json`, replaced atomically); the frontdoor, `slotctl` and
scripts read it. The file is the whole interface between them: no reader ever asks the supervisor anything.

The supervisor rewrites the file at every change and at least every `HEARTBEAT_S`; its last words, STOPPED or FAILED,
stay true when it is gone. Any other snapshot that is older than `STALE_AFTER_S` was left by a supervisor that was
killed: `is_abandoned` says so, and readers must not believe it.

Times are seconds since the epoch (they cross processes and people read them); durations are seconds.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from slot import plain_file
from slot.bad_json import BAD_JSON

FORMAT_VERSION = 1
HEARTBEAT_S = 2.0
STALE_AFTER_S = 10.0
MOST_BYTES = 1024 * 1024


class Lifecycle(StrEnum):
    """The slot's state; `slot.supervisor.lifecycle` draws how one leads to another."""

    STOPPED = "stopped"
    LOADING = "loading"
    SERVING = "serving"
    DEGRADED = "degraded"
    STOPPING = "stopping"
    FAILED = "failed"


FINAL = (Lifecycle.STOPPED, Lifecycle.FAILED)


class LoadPhase(StrEnum):
    """What the engine is doing while the slot is loading, in the order in which vLLM does it."""

    STARTING = "starting"
    WEIGHTS = "weights"
    COMPILE = "compile"
    KV_CACHE = "kv_cache"
    GRAPH_CAPTURE = "graph_capture"
    WARMUP = "warmup"
    API = "api"
    READY = "ready"


class Readiness(StrEnum):
    """The rungs of the readiness ladder; a rung implies those before it."""

    NONE = "none"
    PROCESS = "process"
    HEALTH = "health"
    MODELS = "models"
    GENERATED = "generated"


class ProfileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Which profile the slot serves: copied from the resolved profile, so that readers need not parse it."""

    name: str
    title: str
    hf_id: str
    modalities: str
    status: str
    sha256: str


class EngineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine said of itself while it started. None: it has not said so (yet)."""

    version: str | None = None
    max_model_len: int | None = None
    kv_cache_tokens: int | None = None
    max_concurrency: float | None = None
    weights_s: float | None = None
    compile_s: float | None = None
    graph_capture_s: float | None = None
    init_s: float | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why the slot is not serving, in words for the admin. `detail` is a line of the engine, cut to 500 characters.

    `name` and `kind` are the failure's in the catalogue of failures; `next_step` is the one thing to do now, and
    `incident` the directory where what was found is kept.
    """

    cause: str
    detail: str
    remedy: str
    restart_can_help: bool
    exit_code: int | None
    signal: str | None
    at: float
    name: str | None = None
    kind: str | None = None
    next_step: str | None = None
    incident: str | None = None


class RecoveryStage(StrEnum):
    """What is done about the cards after one of them failed, in this order."""

    QUIET = "quiet"
    PROBING = "probing"
    DONE = "done"


class CardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How one card answered its probe. `bdf` is its PCI address; `verdict` one of `slot.cards.verdict`."""

    bdf: str
    verdict: str
    words: str


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """What happens after a device fault, and until when. `until` is None where no time is known."""

    stage: RecoveryStage
    until: float | None = None
    cards: tuple[CardFacts, ...] = ()


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """The serving engine's pulse: what it has in hand, and when it was last seen to get on.

    `tokens` is what it has generated since its start; `beat_at` when anything of it last moved, `probed_at` when it was
    last asked for a token because it had nothing to do; `allowance_s` how long it may stand still with work in hand.
    """

    running: int
    waiting: int
    tokens: int
    beat_at: float
    probed_at: float | None = None
    allowance_s: float


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the engine said and that ends nothing, told once: `count` is how often it was said."""

    name: str
    kind: str
    words: str
    first_at: float
    count: int


class SlotState(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot. `progress` is 0..1 of the load; `eta_s` is None where there is no history to tell it from.

    `restarts` counts the starts in a row that followed a failure of this profile.

    A field that is added has a default, and readers pass over what they do not know: a frontdoor that has not been
    replaced yet reads a newer supervisor's file, and the other way round. `FORMAT_VERSION` is for changes that break
    this.
    """

    version: int = FORMAT_VERSION
    state: Lifecycle
    since: float
    updated_at: float
    phase: LoadPhase | None = None
    progress: float | None = None
    eta_s: float | None = None
    readiness: Readiness = Readiness.NONE
    profile: ProfileFacts
    served_model_name: str
    engine_url: str
    engine_pid: int | None = None
    supervisor_pid: int
    simulated: bool = False
    engine: EngineFacts = EngineFacts()
    failure: Failure | None = None
    recovery: Recovery | None = None
    pulse: Pulse | None = None
    warnings: tuple[Notice, ...] = ()
    restarts: int = 0

    def is_abandoned(self, now: float) -> bool:
        """Whether its supervisor is gone without a last word. `now` is seconds since the epoch."""
        # one from the future is no fresher: the clock was set back, and a living supervisor writes again in a moment
        return self.state not in FINAL and abs(now - self.updated_at) > STALE_AFTER_S


class UnreadableState(ValueError):
    """The state file is not a snapshot of this version: what was found is in the message."""


def encode(state: SlotState) -> bytes:
    return msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n"


def decode(text: bytes) -> SlotState:
    """Raises UnreadableState for text that is not a snapshot of `FORMAT_VERSION`.

    The engine's user writes it, and what it says comes to root's terminal: nothing in it moves a cursor.
    """
    try:
        state = msgspec.json.decode(text, type=SlotState)
    except BAD_JSON as exc:
        raise UnreadableState(f"not a slot state: {exc}") from exc
    if state.version != FORMAT_VERSION:
        raise UnreadableState(f"slot state of version {state.version}, expected {FORMAT_VERSION}")
    return msgspec.convert(_plain(msgspec.to_builtins(state)), SlotState)


def _plain(value: Any) -> Any:
    """With a space for each control letter, but for the ends of lines."""
    match value:
        case str():
            return "".join(each if each.isprintable() or each == "\n" else " " for each in value)
        case list() | tuple():
            return [_plain(each) for each in value]
        case dict():
            return {key: _plain(each) for key, each in value.items()}
    return value


def read(path: Path) -> SlotState | None:
    """The snapshot at `path`, or None where there is no file. Raises UnreadableState, OSError."""
    try:
        return decode(plain_file.read(path, MOST_BYTES))
    except FileNotFoundError:
        return None
    except plain_file.NoPlainFile as exc:
        raise UnreadableState(str(exc)) from exc


def read_if_sound(path: Path) -> SlotState | None:
    """As `read`, for whoever goes on without: what a crash or another version left is no snapshot. Raises OSError."""
    try:
        return read(path)
    except UnreadableState:
        return None
