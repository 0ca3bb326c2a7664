"""The kinds of values that a key may have: what fits, and how an error says what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

# Not int() and float() alone: those also take "1_000", " 7 ", "nan" and the digits of every script.
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True)
class Kind:
    """`expected` ends the sentence "found ..., expected ..."; `fits` judges a text that is not empty."""

    expected: str
    fits: Callable[[str], bool]


def text() -> Kind:
    return Kind("some text", lambda value: True)


def matching(pattern: str, expected: str) -> Kind:
    compiled = re.compile(pattern, re.ASCII)
    return Kind(expected, lambda value: compiled.fullmatch(value) is not None)


def http_url() -> Kind:
    """Where a server answers: scheme, host and port, without a path, a user or a query."""

    def fits(value: str) -> bool:
        try:
            url = urlsplit(value)
            return bool(url.hostname) and url.port != 0 and value.rstrip("/") == f"{url.scheme}://{url.netloc}"
        except ValueError:
            return False

    return Kind("a URL such as http://127.0.0.1:18080", lambda value: value.startswith("http") and fits(value))


def loopback() -> Kind:
    """An address that only this host can reach."""

    def fits(value: str) -> bool:
        try:
            return value == "localhost" or ip_address(value).is_loopback
        except ValueError:
            return False

    return Kind("a loopback address: the engine must not be reachable from the network", fits)


def choice(*words: str) -> Kind:
    return Kind(_alternatives(words), lambda value: value in words)


def words(*known: str) -> Kind:
    """A list of `known` words with commas between them, each at most once."""

    def fits(value: str) -> bool:
        given = value.split(",")
        return set(given) <= set(known) and len(set(given)) == len(given)

    return Kind(f"one or more of {', '.join(known)}, with commas and no blanks between them", fits)


def integer(low: int | None = None, high: int | None = None, *, unit: str = "", also: Sequence[str] = ()) -> Kind:
    """A whole number from `low` to `high`, both included (None: no bound), or one of the words in `also`."""

    def fits(value: str) -> bool:
        return value in also or (_INTEGER.fullmatch(value) is not None and _within(int(value), low, high))

    described = _described("a whole number", _range(low, high), unit)
    return Kind(", or ".join([described, *also]), fits)


def number(low: float | None = None, high: float | None = None, *, above: float | None = None, unit: str = "") -> Kind:
    """A number from `low` to `high`, both included, or strictly greater than `above` (None: no bound)."""

    def fits(value: str) -> bool:
        if not _NUMBER.fullmatch(value):
            return False
        return _within(float(value), low, high) and (above is None or float(value) > above)

    bounds = _range(low, high) if above is None else f" greater than {above:g}{_range(None, high)}"
    return Kind(_described("a number", bounds, unit), fits)


def several(one: Kind) -> Kind:
    """One value or more, as `split` divides them."""
    return Kind(f"{one.expected}, or several with commas between them", lambda value: all(map(one.fits, split(value))))


def json_of(shape: object, expected: str) -> Kind:
    """JSON of the given Python type, as msgspec understands types."""
    decoder = msgspec.json.Decoder(shape)

    def fits(value: str) -> bool:
        try:
            decoder.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return False
        return True

    return Kind(expected, fits)


def split(value: str) -> list[str]:
    """The several values of one text: divided at commas, or the items of a JSON list, whose objects stay JSON."""
    items = _decoded(value) if value.startswith("[") else None
    if not isinstance(items, list):
        return value.split(",")
    return [item if isinstance(item, str) else msgspec.json.encode(item).decode() for item in items]


def join(values: Sequence[str]) -> str:
    """The one text that `split` divides into these values."""
    if not any("," in value or value.startswith("[") for value in values):
        return ",".join(values)
    # An object as such and not as a string: a profile has no backslashes to escape its quotes.
    items = [_decoded(value) if value.startswith("{") else value for value in values]
    return msgspec.json.encode(items).decode()


def _decoded(value: str) -> object:
    """What `value` is as JSON; itself where it is none."""
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _range(low: float | None, high: float | None) -> str:
    if high is None:
        return "" if low is None else f", at least {low:g}"
    return f", at most {high:g}" if low is None else f" from {low:g} to {high:g}"


def _described(what: str, bounds: str, unit: str) -> str:
    return f"{what}{f' of {unit}' if unit else ''}{bounds}"


def _alternatives(options: Sequence[str]) -> str:
    return options[0] if len(options) == 1 else f"{', '.join(options[:-1])} or {options[-1]}"
