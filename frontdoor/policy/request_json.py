"""A request body as the engine will read it, or a 400 that says what is wrong with it, and where.

The engine reads bodies with Python's own json module, and so does this: with the same scanner there is no second
opinion that a client could play against ours (`{"n": 1, "n": 99999}`). What that scanner lets pass is refused on top:

    a byte order mark, or another encoding than UTF-8     NaN and Infinity, and numbers that become infinite (1e999)
    one key twice in an object, at any level              integers of more than 640 digits
    more than 64 levels                                   more text, objects, keys or values than any request has

The loop stands still while a body is read: the limits keep the worst that anybody has found at a quarter of a second.

Images arrive as base64 inside a string, up to the whole limit of a body. Such a run is left out before the text is
read: 20 MB then cost 2 ms instead of 10. Nothing can be hidden in it, see `_without_data`.

It decides nothing about what the fields mean: that is `request_policy`.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from math import isinf
from typing import Any, NamedTuple, NoReturn

from frontdoor.refusal import Reason, Refusal, Refused, bad_request

JsonObject = dict[str, Any]
CONTAINERS = frozenset({dict, list})

MAX_DEPTH = 64
# One body may be 64 MB, for its images. Its text is far above what the longest context takes; and without the others,
# `[],[],[]...` or a million keys in it would cost seconds and gigabytes.
MAX_TEXT_BYTES = 16 << 20
MAX_CONTAINERS = 50_000
MAX_VALUES = 500_000
MAX_KEYS = 100_000
MAX_SMALL_NUMBERS = 100_000  # with a negative exponent: these take five times as long as others
MAX_DIGITS = 640  # of an integer, whose cost is the square of this; the least that Python can be told
_FEW_BYTES = 1 << 18  # what is shorter cannot hold enough of them to matter: 20 ms at the worst

_LONG = 4096
_KEPT = 256  # of a run that is left out: more than any text has that is accepted by its length or compared as a whole
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


class ReadBody(NamedTuple):
    """`fields`: the object, with long base64 runs cut short: to be judged, never to be sent on.

    `text_bytes`: the length of the body without them, an upper bound of what can become tokens of text.
    """

    fields: JsonObject
    text_bytes: int


def read_object(body: bytes) -> ReadBody:
    """The JSON object that is the body. Raises Refused (400, 413) for everything else, and nothing else ever."""
    short = _without_data(body) if len(body) > _LONG else body
    if len(short) > MAX_TEXT_BYTES:
        raise Refused(_too_much_text())
    try:
        fields = _read(short)
    except Refused as refused:
        if short is body:
            raise
        if len(short) <= _FEW_BYTES:
            _read(body)  # once more for a message with the right place in it
        raise Refused(_without_place(refused.refusal)) from None
    return ReadBody(fields, len(short))


def whole_number(fields: JsonObject, name: str) -> int | None:
    """A field that counts something, or None where it is null or missing. Raises Refused (400) for anything else.

    256.0 is 256, as the engine takes it. The engine would also take "256"; here a limit is a number or nothing.
    """
    value = fields.get(name)
    if type(value) is int or value is None:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise Refused(bad_request(f"{name} must be a whole number", param=name))


def _read(body: bytes) -> JsonObject:
    try:
        text = body.decode()
        _check_amount(text)
        fields = _scan_bounded(text)
    except UnicodeDecodeError as exc:
        _refuse(f"is not UTF-8: byte {exc.start} is {body[exc.start]:#04x}")
    except json.JSONDecodeError as exc:
        _refuse(_what_is_wrong(exc))
    except RecursionError:
        _refuse(f"is nested more than {MAX_DEPTH} levels deep")
    except ValueError:  # the only one that is left: int() refuses to read so many digits
        _refuse(f"has an integer of more than {MAX_DIGITS} digits")
    if type(fields) is not dict:
        _refuse(f"is {_NAMES.get(type(fields), 'a number')}")
    if text.count("{") + text.count("[") > MAX_DEPTH:  # in strings too: it cannot be deeper than that
        _check_depth(fields)
    return fields


def _what_is_wrong(exc: json.JSONDecodeError) -> str:
    if not exc.doc:
        return "is empty"
    if exc.doc[0] == "\ufeff":
        return "begins with a byte order mark"
    return f"is not JSON: {exc.msg.removesuffix(' at')} at character {exc.pos}"


def _check_amount(text: str) -> None:
    # counted wherever they stand, in strings too: cheap, and far above what a text of this length has
    if len(text) <= _FEW_BYTES:
        return
    if text.count("{") + text.count("[") > MAX_CONTAINERS or text.count(",") > MAX_VALUES:
        _refuse(f"has more than {MAX_CONTAINERS} objects and arrays, or more than {MAX_VALUES} values")
    if text.count(":") > MAX_KEYS and _most_keys(text) > MAX_KEYS:
        _refuse(f"has more than {MAX_KEYS} keys")
    if text.count("e-") + text.count("E-") > MAX_SMALL_NUMBERS:
        _refuse(f"has more than {MAX_SMALL_NUMBERS} numbers with a negative exponent")


def _most_keys(text: str) -> int:
    """No text has more keys than this: the colons after a quote or a blank.

    A quote after a single backslash is one in a string, and ends no key: a tool's answer has many.
    """
    after_quotes = text.count('":') - text.count('\\":') + text.count('\\\\":')
    return after_quotes + sum(text.count(blank + ":") for blank in " \t\r\n")


def _scan_bounded(text: str) -> Any:
    # of the whole process, and so put back: nothing else runs in between
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(MAX_DIGITS)
    try:
        return _scan(text)
    finally:
        sys.set_int_max_str_digits(before)


def _check_depth(fields: JsonObject) -> None:
    level: list[Any] = [fields]
    for _ in range(MAX_DEPTH):
        below = []
        for node in level:
            values = node.values() if type(node) is dict else node
            below += [value for value in values if type(value) in CONTAINERS]
        if not below:
            return
        level = below
    _refuse(f"is nested more than {MAX_DEPTH} levels deep")


def _too_much_text() -> Refusal:
    return Refusal(
        status=413,
        reason=Reason.TOO_LARGE,
        code="request_too_large",
        message=f"the text of the request is larger than {MAX_TEXT_BYTES} bytes, the limit of this server; "
        "only base64 data may be longer",
    )


def _without_place(refusal: Refusal) -> Refusal:
    """For a place that was found in the text without its long data."""
    return replace(refusal, message=f"{refusal.message} (places are counted without long base64 data)")


def _without_data(body: bytes) -> bytes:
    """The body without the inside of its long base64 runs; the same object where there are none.

    A run lies between two quotes, has 4 KB or more, holds no quote, backslash or blank, and begins with a letter,
    digit, plus or slash. After a quote that *ends* a string no JSON goes on with one of these: so the run is inside a
    string, ends with it, and what is left out cannot contain a key or a value. Control characters in it are not
    noticed here; the engine refuses them.
    """
    pieces = []
    kept = 0
    for start, end in _long_runs(body):
        if body[start] in _BASE64 and body.find(b"\\", start, end) < 0 and body.find(b" ", start, end) < 0:
            run = body[start:end]
            if run.isascii():
                pieces.append(body[kept : start + _KEPT])
                kept = end
    return b"".join([*pieces, body[kept:]]) if pieces else body


def _long_runs(body: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of each stretch of 4 KB or more without a quote, between two quotes; in steps of 4 KB."""
    quote = body.find(b'"')
    while 0 <= quote < len(body) - _LONG:
        nearer = body.rfind(b'"', quote + 1, quote + 1 + _LONG)
        if nearer >= 0:
            quote = nearer
            continue
        end = body.find(b'"', quote + 1 + _LONG)
        if end >= 0:
            yield quote + 1, end
        quote = end


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        _refuse(f"has the key {name[:80]!r} twice in one object")
    return fields


def _number(text: str) -> float:
    number = float(text)
    if isinf(number):  # 1e999
        _refuse("holds a number above 1.8e308, which is too large")
    return number


def _constant(name: str) -> NoReturn:
    _refuse(f"holds {name}, which is no JSON")


def _refuse(what: str) -> NoReturn:
    raise Refused(bad_request(f"the request body {what}; expected a JSON object in UTF-8"))


_NAMES = {list: "an array", str: "a string", bool: "true or false", type(None): "null"}
_scan = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_constant).decode
