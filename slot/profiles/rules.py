"""What is wrong with one line of a profile. The values that must agree with each other are judged in `agreement`.

A line is judged in this order, and the first that applies is reported:

    1. some names are refused, whatever their value
    2. a name with one of our prefixes must be known: MODEL_SLOT_* and FRONTDOOR_* from our own table,
       SERVE_* as a flag of some engine; and its value must be of the kind that this key takes
    3. a variable of the predecessor that stood for a flag: the engine would ignore it in silence
    4. a name with an engine's prefix is the engine's business; any other name would be read by nobody
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from slot.profiles import engine_flags, keys, predecessor, refused
from slot.profiles.engine_face import known_environment, known_flags
from slot.profiles.kinds import Kind
from slot.profiles.problems import Problem, nearest, quoted
from slot.profiles.profile import Value

# Names of keys share many words: at the usual 0.75, DRAIN_TIMEOUT_S would be taken for BACKEND_TIMEOUT_S.
KEYS_ALIKE = 0.8

_SHORT_FLAG = re.compile(r"-[A-Za-z]")


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


def _judge(key: str, text: str) -> Finding | None:
    if reason := refused.reason(key):  # 1
        return Finding("a key that is refused", "a profile without it", reason)
    if key.startswith(keys.OUR_PREFIXES):  # 2
        kind = kind_of(key)
        return _unknown(key) if kind is None else _unfit(key, text, kind)
    if twin := predecessor.twin(key, known_environment()):  # 3
        is_inverted = key.removeprefix("VLLM_") in predecessor.INVERTED
        return Finding("a variable that would set nothing", twin, "with the opposite value" if is_inverted else None)
    return None if key.startswith(keys.ENGINE_PREFIXES) else _read_by_nobody(key)  # 4


def kind_of(key: str) -> Kind | None:
    """What a key with one of our prefixes takes; None for one that nobody knows."""
    known = keys.MODEL_SLOT.get(key) or keys.FRONTDOOR.get(key)
    return known.kind if known else engine_flags.kind_of(key)


def _unfit(key: str, text: str, kind: Kind) -> Finding | None:
    if not text:
        return None
    if not kind.fits(text):
        return Finding(quoted(text), kind.expected, _word_for(text, kind))
    return _flag_with_a_key(text) if key == "MODEL_SLOT_EXTRA_ARGS" else None


def _word_for(text: str, kind: Kind) -> str | None:
    """The predecessor, as a shell script will, wrote 0 and 1."""
    word = {"0": "false", "1": "true"}.get(text, text.lower())
    return f"did you mean {word}?" if word != text and kind.fits(word) else None


def _unknown(key: str) -> Finding:
    if key in keys.HOST_SETTINGS | keys.FRONTDOOR_PLACES:
        return Finding("a known setting of the host", "it in the frontdoor's environment")
    prefix = next(prefix for prefix in keys.OUR_PREFIXES if key.startswith(prefix))
    known = [name for name in _our_keys() if name.startswith(prefix)]
    return Finding("an unknown key", "a known one", _meant_positive(key) or _hint_for_name(key, prefix, known))


def _meant_positive(key: str) -> str | None:
    """The engine's `--no-flag` is the flag with the value false."""
    positive = key.replace("SERVE_NO_", "SERVE_", 1)
    return f"write {positive}=false" if positive != key and kind_of(positive) else None


def _read_by_nobody(key: str) -> Finding:
    expected = f"a key that begins with {', '.join(keys.OUR_PREFIXES)} or an engine's prefix"
    return Finding("a key that nobody reads", expected, _hint_for_name(key, "", [*_our_keys(), *known_environment()]))


def _hint_for_name(key: str, prefix: str, known: list[str]) -> str | None:
    if key in predecessor.GONE:
        return predecessor.GONE[key]
    # Compared without their prefix: it would make any two of them look alike, and it may be just what was forgotten.
    bare = {_without_prefix(name): name for name in known}
    close = nearest(key.removeprefix(prefix), bare, cutoff=KEYS_ALIKE)
    # Without a known prefix it may also be the prefix that has the slip.
    meant = bare[close] if close else nearest(key, known, cutoff=KEYS_ALIKE) if not prefix else None
    return f"did you mean {meant}?" if meant else None


def _without_prefix(name: str) -> str:
    return name.removeprefix(next((prefix for prefix in keys.OUR_PREFIXES if name.startswith(prefix)), ""))


def _our_keys() -> list[str]:
    return [*keys.MODEL_SLOT, *keys.FRONTDOOR, *map(engine_flags.key_of, known_flags())]


def _flag_with_a_key(text: str) -> Finding | None:
    """EXTRA_ARGS are for flags that have no key; with any other they would be a way round every rule here."""
    for word in msgspec.json.decode(text, type=list[str]):
        if _SHORT_FLAG.match(word):
            return Finding(quoted(word), "flags in their long form, with two dashes")
        if word.startswith("--") and (flag := _flag_meant_by(word)):
            return Finding(quoted(word), "only flags that have no key", f"write {engine_flags.key_of(flag)}")
    return None


def _flag_meant_by(word: str) -> str | None:
    """The known flag that the engine's parser would take `word` for: abbreviated, negated, or for one of its fields."""
    name = word.removeprefix("--").partition("=")[0].partition(".")[0].replace("_", "-")
    name = name.removeprefix("no-")
    return next((flag for flag in known_flags() if name and flag.startswith(name)), None)
