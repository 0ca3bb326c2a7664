"""What is wrong with a profile although each of its lines is right: values that disagree, and keys that are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from slot.profiles import keys
from slot.profiles.problems import Problem, quoted
from slot.profiles.profile import Value
from slot.profiles.rules import Finding

Values = Mapping[str, Value]


def disagreements(values: Values) -> Iterator[Problem]:
    """Values that cannot all be meant, each told where the one stands that must give way. `values` must be sound."""
    for check in (_cap, _batch, _output_limit, _backend_url, _ports):
        for key, finding in check(values):
            yield finding.at(key, values[key])


def missing(values: Values) -> Iterator[tuple[str, str]]:
    """The keys without which the profile cannot be served, each with what is expected of it.

    A base is not served: it only has to say that it is one. The simulator needs no model and no venv.
    """
    status = values.get("MODEL_SLOT_STATUS")
    family = keys.family_of(status.text) if status else ""
    if status is None:
        yield "MODEL_SLOT_STATUS", keys.MODEL_SLOT["MODEL_SLOT_STATUS"].kind.expected
    elif family == "base":
        return
    elif family in keys.ADVISED_AGAINST and "MODEL_SLOT_STATUS_REASON" not in values:
        yield "MODEL_SLOT_STATUS_REASON", f"the reason why it is {family}"
    if "SERVE_MAX_NUM_SEQS" not in values:
        yield "SERVE_MAX_NUM_SEQS", "how many requests the engine runs at once"
    engine = values.get("MODEL_SLOT_ENGINE")
    if engine is None or engine.text != "simulator":
        yield from _missing_for_vllm(values)


def _missing_for_vllm(values: Values) -> Iterator[tuple[str, str]]:
    if not values.keys() & {"MODEL_SLOT_HF_ID", "MODEL_SLOT_MODEL_DIR"}:
        yield "MODEL_SLOT_HF_ID", "a model, by its id or by MODEL_SLOT_MODEL_DIR"
    if "MODEL_SLOT_VENV" not in values:
        yield "MODEL_SLOT_VENV", "the engine's virtual environment"


def _cap(values: Values) -> Iterator[tuple[str, Finding]]:
    match _integers(values, "FRONTDOOR_MAX_ACTIVE_GENERATIONS", "SERVE_MAX_NUM_SEQS"):
        case [cap, sequences] if cap > sequences:
            expected = f"at most SERVE_MAX_NUM_SEQS={sequences}"
            hint = "the engine would make the others wait where nobody sees them"
            yield "FRONTDOOR_MAX_ACTIVE_GENERATIONS", Finding(quoted(str(cap)), expected, hint)


def _batch(values: Values) -> Iterator[tuple[str, Finding]]:
    match _integers(values, "SERVE_MAX_NUM_BATCHED_TOKENS", "SERVE_MAX_NUM_SEQS"):
        case [tokens, sequences] if tokens < sequences:
            # The engine would refuse to start: vLLM 0.32, vllm/config/scheduler.py.
            expected = f"at least SERVE_MAX_NUM_SEQS={sequences}, a token for each sequence"
            yield "SERVE_MAX_NUM_BATCHED_TOKENS", Finding(quoted(str(tokens)), expected)


def _output_limit(values: Values) -> Iterator[tuple[str, Finding]]:
    match _integers(values, "FRONTDOOR_DEFAULT_MAX_OUTPUT_TOKENS", "FRONTDOOR_MAX_OUTPUT_TOKENS"):
        case [default, limit] if default > limit:
            expected = f"at most FRONTDOOR_MAX_OUTPUT_TOKENS={limit}"
            yield "FRONTDOOR_DEFAULT_MAX_OUTPUT_TOKENS", Finding(quoted(str(default)), expected)


def _backend_url(values: Values) -> Iterator[tuple[str, Finding]]:
    key = "FRONTDOOR_BACKEND_URL"
    if key not in values:
        return
    url = urlsplit(values[key].text)
    host, port = _text(values, "SERVE_HOST", keys.DEFAULT_ENGINE_HOST), _engine_port(values)
    if (_same_name(url.hostname or ""), url.port or 80) != (_same_name(host), port):
        expected = f"{host}:{port}, where the engine answers (SERVE_HOST, SERVE_PORT)"
        yield key, Finding(quoted(url.geturl()), expected)


def _ports(values: Values) -> Iterator[tuple[str, Finding]]:
    port = _engine_port(values)
    if port == int(_text(values, "FRONTDOOR_PORT", str(keys.DEFAULT_FRONTDOOR_PORT))):
        key, other = ("SERVE_PORT", "frontdoor") if "SERVE_PORT" in values else ("FRONTDOOR_PORT", "engine")
        yield key, Finding(quoted(str(port)), f"another port: this is the {other}'s")


def _integers(values: Values, *names: str) -> list[int] | None:
    """The values of all these keys, or None where one of them is missing."""
    return [int(values[name].text) for name in names] if values.keys() >= set(names) else None


def _engine_port(values: Values) -> int:
    return int(_text(values, "SERVE_PORT", str(keys.DEFAULT_ENGINE_PORT)))


def _text(values: Values, key: str, default: str) -> str:
    return values[key].text if key in values else default


def _same_name(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host
