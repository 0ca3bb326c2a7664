"""What is wrong with the values of a profile: first each line by itself, then the values that must agree.

A line is judged in this order, and the first that applies is reported:

    1. some names are refused, whatever their value
    2. a name with one of our prefixes must be known: MODEL_SLOT_* and FRONTDOOR_* from our own table,
       SERVE_* as a flag of some engine; and its value must be of the kind that this key takes
    3. a variable of the predecessor that stood for a flag: the engine would ignore it in silence
    4. a name with an engine's prefix is the engine's business; any other name would be read by nobody
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from slot.profiles import keys
from slot.profiles.engine_face import known_environment, known_flags
from slot.profiles.kinds import Kind
from slot.profiles.problems import Problem, nearest, quoted
from slot.profiles.profile import Value

OUR_PREFIXES = ("MODEL_SLOT_", "SERVE_", "FRONTDOOR_")
NEEDED_BY_VLLM = ("MODEL_SLOT_VENV", "SERVE_MAX_NUM_SEQS")
STATUSES_WITH_A_REASON = ("rejected", "blocked")


class Finding(NamedTuple):
    """A Problem that does not know its place yet."""

    found: str
    expected: str
    hint: str | None = None

    def at(self, key: str, value: Value) -> Problem:
        return Problem(value.file, value.line, key, *self)


def problem_of(key: str, value: Value) -> Problem | None:
    """What is wrong with one line, or None. An empty value of ours is right: it takes back what was inherited."""
    finding = _judge(key, value.text)
    return finding and finding.at(key, value)


def disagreements(values: Mapping[str, Value]) -> Iterator[Problem]:
    """Values that are right by themselves but not together. Keys that are missing do not disagree."""
    for key, finding in (
        ("FRONTDOOR_MAX_ACTIVE_GENERATIONS", _cap_above_sequences(values)),
        ("SERVE_MAX_NUM_BATCHED_TOKENS", _batch_below_sequences(values)),
        ("FRONTDOOR_BACKEND_URL", _url_of_another_engine(values)),
        ("SERVE_PORT", _port_of_the_frontdoor(values)),
        ("FRONTDOOR_DEFAULT_MAX_OUTPUT_TOKENS", _default_above_limit(values)),
    ):
        if finding:
            yield finding.at(key, values[key])


def missing(values: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    """The keys without which the profile cannot be served, each with what is expected of it.

    A base is not served, so it only needs to say that it is one.
    """
    status = values.get("MODEL_SLOT_STATUS")
    if status is None:
        yield "MODEL_SLOT_STATUS", keys.MODEL_SLOT["MODEL_SLOT_STATUS"].kind.expected
    elif status.text.split("-")[0] == "base":
        return
    elif status.text.split("-")[0] in STATUSES_WITH_A_REASON and "MODEL_SLOT_STATUS_REASON" not in values:
        yield "MODEL_SLOT_STATUS_REASON", f"the reason why it is {status.text}"
    engine = values.get("MODEL_SLOT_ENGINE")
    if engine is not None and engine.text == "simulator":
        return
    if not values.keys() & {"MODEL_SLOT_HF_ID", "MODEL_SLOT_MODEL_DIR"}:
        yield "MODEL_SLOT_HF_ID", "the model, by MODEL_SLOT_HF_ID or MODEL_SLOT_MODEL_DIR"
    if "MODEL_SLOT_VENV" not in values:
        yield "MODEL_SLOT_VENV", "the virtual environment of the engine"


def _judge(key: str, text: str) -> Finding | None:
    if reason := refusal(key):  # 1
        return Finding("a refused key", "a profile without it", reason)
    if key.startswith(OUR_PREFIXES):  # 2
        kind = kind_of(key)
        return _unknown(key) if kind is None else _unfit(key, text, kind)
    if twin := keys.predecessor_twin(key, known_environment()):  # 3
        return Finding("a variable that the engine would ignore", twin, f"write {twin}")
    if key.startswith(keys.ENGINE_PREFIXES):  # 4
        return None
    return _read_by_nobody(key)


def refusal(key: str) -> str | None:
    """Why no profile may have this key, or None."""
    if key in keys.REFUSED:
        return keys.REFUSED[key]
    return keys.SECRET_REASON if keys.SECRET_NAME.fullmatch(key) else None


def kind_of(key: str) -> Kind | None:
    """What a key with one of our prefixes takes; None for one that nobody knows."""
    known = keys.MODEL_SLOT.get(key) or keys.FRONTDOOR.get(key)
    if known:
        return known.kind
    name = keys.flag_of(key)
    flag = known_flags().get(name)
    return keys.kind_of_flag(name, flag) if flag and keys.serve_key(name) == key else None


def _unfit(key: str, text: str, kind: Kind) -> Finding | None:
    if not text:
        return None
    if not kind.fits(text):
        return Finding(quoted(text), kind.expected, _word_for(text, kind))
    return _known_flag_among(text) if key == "MODEL_SLOT_EXTRA_ARGS" else None


def _word_for(text: str, kind: Kind) -> str | None:
    """The predecessor, like a shell, wrote 0 and 1."""
    word = {"0": "false", "1": "true"}.get(text, text.lower())
    return f"did you mean {word}?" if word != text and kind.fits(word) else None


def _unknown(key: str) -> Finding:
    if key.startswith("SERVE_NO_") and kind_of(positive := f"SERVE_{key.removeprefix('SERVE_NO_')}"):
        return Finding("an unknown key", "a known one", f"write {positive}=false")
    prefix = next(prefix for prefix in OUR_PREFIXES if key.startswith(prefix))
    # Without the prefix, which alone would make any two keys look alike.
    known = {name.removeprefix(prefix): name for name in _our_keys() if name.startswith(prefix)}
    close = nearest(key.removeprefix(prefix), known)
    return Finding("an unknown key", "a known one", f"did you mean {known[close]}?" if close else None)


def _read_by_nobody(key: str) -> Finding:
    close = nearest(key, [*_our_keys(), *known_environment()])
    expected = f"a key that begins with {', '.join(OUR_PREFIXES)} or an engine's prefix"
    return Finding("a key that nobody reads", expected, f"did you mean {close}?" if close else None)


def _our_keys() -> list[str]:
    return [*keys.MODEL_SLOT, *keys.FRONTDOOR, *map(keys.serve_key, known_flags())]


def _known_flag_among(text: str) -> Finding | None:
    """EXTRA_ARGS are for flags that no key knows; otherwise they would get round every rule here."""
    for word in msgspec.json.decode(text, type=list[str]):
        if word.startswith("-") and not word.startswith("--") and not word.lstrip("-").replace(".", "").isdigit():
            return Finding(quoted(word), "flags in their long form, with two dashes")
        name = word.removeprefix("--").partition("=")[0].partition(".")[0].replace("_", "-").removeprefix("no-")
        # The engine's parser also takes an abbreviation for the flag.
        if word.startswith("--") and (flag := next(filter(lambda flag: flag.startswith(name), known_flags()), None)):
            return Finding(quoted(word), "only flags that no key knows", f"write {keys.serve_key(flag)}")
    return None


def _integers(values: Mapping[str, Value], *names: str) -> list[int] | None:
    """The values of all these keys, or None where one of them is missing."""
    return [int(values[name].text) for name in names] if values.keys() >= set(names) else None


def _cap_above_sequences(values: Mapping[str, Value]) -> Finding | None:
    match _integers(values, "FRONTDOOR_MAX_ACTIVE_GENERATIONS", "SERVE_MAX_NUM_SEQS"):
        case [cap, sequences] if cap > sequences:
            expected = f"at most SERVE_MAX_NUM_SEQS={sequences}"
            return Finding(f"{cap}", expected, "the engine would queue the others where nobody sees them")
    return None


def _batch_below_sequences(values: Mapping[str, Value]) -> Finding | None:
    match _integers(values, "SERVE_MAX_NUM_BATCHED_TOKENS", "SERVE_MAX_NUM_SEQS"):
        case [batch, sequences] if batch < sequences:
            # vLLM 0.32, config/scheduler.py: refuses to start.
            return Finding(f"{batch}", f"at least SERVE_MAX_NUM_SEQS={sequences}: a token per sequence and step")
    return None


def _default_above_limit(values: Mapping[str, Value]) -> Finding | None:
    match _integers(values, "FRONTDOOR_DEFAULT_MAX_OUTPUT_TOKENS", "FRONTDOOR_MAX_OUTPUT_TOKENS"):
        case [default, limit] if default > limit:
            return Finding(f"{default}", f"at most FRONTDOOR_MAX_OUTPUT_TOKENS={limit}")
    return None


def _url_of_another_engine(values: Mapping[str, Value]) -> Finding | None:
    if "FRONTDOOR_BACKEND_URL" not in values:
        return None
    url = urlsplit(values["FRONTDOOR_BACKEND_URL"].text)
    host, port = _engine_address(values)
    if (_same_name(url.hostname or ""), url.port or 80) == (_same_name(host), port):
        return None
    return Finding(quoted(url.geturl()), f"the engine's own address, {host}:{port} (SERVE_HOST, SERVE_PORT)")


def _port_of_the_frontdoor(values: Mapping[str, Value]) -> Finding | None:
    _, port = _engine_address(values)
    frontdoor = values.get("FRONTDOOR_PORT")
    if port != (int(frontdoor.text) if frontdoor else keys.DEFAULT_FRONTDOOR_PORT) or "SERVE_PORT" not in values:
        return None
    return Finding(f"{port}", "a port other than the frontdoor's")


def _engine_address(values: Mapping[str, Value]) -> tuple[str, int]:
    host, port = values.get("SERVE_HOST"), values.get("SERVE_PORT")
    return host.text if host else keys.DEFAULT_ENGINE_HOST, int(port.text) if port else keys.DEFAULT_ENGINE_PORT


def _same_name(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host
