from __future__ import annotations

from collections.abc import Sequence

import pytest

from slot.profiles import kinds
from slot.profiles.kinds import Kind

TABLE: list[tuple[str, Kind, Sequence[str], Sequence[str]]] = [
    ("text", kinds.text(), ["a", " ", "-"], []),
    ("integer", kinds.integer(), ["0", "-1", "007", "9" * 18], ["", "1.0", "1e3", "+1", "1_000", " 1", "٣", "9" * 19]),
    ("integer from", kinds.integer(1), ["1", "2"], ["0", "-1"]),
    ("integer from to", kinds.integer(1, 65535), ["1", "65535"], ["0", "65536"]),
    ("integer or a word", kinds.integer(1, also=("auto",)), ["1", "auto"], ["0", "automatic"]),
    ("number", kinds.number(), ["0", "-1.5", "1e3", "2.5E-3"], ["", ".5", "5.", "nan", "inf", "1e999", "0x1", "1,5"]),
    ("number from", kinds.number(0), ["0", "0.0", "0.1"], ["-0.1"]),
    ("number above", kinds.number(above=0, high=1), ["0.0001", "1", "1.0"], ["0", "0.0", "1.0001"]),
    ("number above five", kinds.number(above=5), ["5.01", "6"], ["5", "4.99"]),
    ("choice", kinds.choice("a", "b"), ["a", "b"], ["", "A", "a,b"]),
    ("words", kinds.words("text", "image"), ["text", "image", "text,image"], ["", "text,", "text, image", "text,text"]),
    ("several", kinds.several(kinds.integer()), ["1", "1,2", '["1","2"]', "[1,2]"], ["", "1,", "1,x", '["1"', "{}"]),
    ("JSON", kinds.json_of(object, ""), ["1", "null", '{"a":[1]}'], ["", "{", "NaN", "{'a':1}", "[" * 10_000]),
    ("JSON list", kinds.json_of(list[str], ""), ["[]", '["a"]'], ["{}", "[1]", '"a"']),
    ("pattern", kinds.matching(r"\w+", ""), ["a1_"], ["ä", "a\n", " a"]),
    (
        "URL",
        kinds.http_url(),
        ["http://127.0.0.1:18080", "http://host/", "https://[::1]:1", "http://host"],
        ["", "127.0.0.1:1", "ftp://h", "http://", "http://h:0", "http://h:65536", "http://h/v1", "http://h?x", "http://[::1"],
    ),
    (
        "loopback",
        kinds.loopback(),
        ["127.0.0.1", "127.255.0.9", "::1", "localhost"],
        ["0.0.0.0", "::", "10.0.0.1", "localhost.example", "127.0.0.1:1", "127.1"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "good", "bad"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_fits(kind: Kind, good: Sequence[str], bad: Sequence[str]) -> None:
    assert [value for value in good if not kind.fits(value)] == []
    assert [value for value in bad if kind.fits(value)] == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (kinds.integer(), "a whole number"),
        (kinds.integer(1), "a whole number, at least 1"),
        (kinds.integer(None, 9), "a whole number, at most 9"),
        (kinds.integer(1, 65535), "a whole number from 1 to 65535"),
        (kinds.integer(1, unit="tokens", also=("auto",)), "a whole number of tokens, at least 1, or auto"),
        (kinds.number(0, unit="seconds"), "a number of seconds, at least 0"),
        (kinds.number(above=0, high=1), "a number greater than 0, at most 1"),
        (kinds.choice("a"), "a"),
        (kinds.choice("a", "b", "c"), "a, b or c"),
        (kinds.several(kinds.choice("a", "b")), "a or b, or several with commas between them"),
    ],
)
def test_what_is_expected_is_said_with_unit_and_range(kind: Kind, expected: str) -> None:
    assert kind.expected == expected


@pytest.mark.parametrize(
    "values",
    [["a"], ["a", "b"], ["a,b", "c"], ["[a"], ['{"name":"x","path":"/y"}', "z"], [""]],
)
def test_several_values_come_apart_as_they_were_joined(values: list[str]) -> None:
    assert kinds.split(kinds.join(values)) == values


def test_an_object_among_several_values_needs_no_escapes() -> None:
    assert kinds.join(['{"name":"x","path":"/y"}', "z=/z"]) == '[{"name":"x","path":"/y"},"z=/z"]'


def test_a_bracket_that_begins_no_list_is_only_a_bracket() -> None:
    assert kinds.split("[a,b") == ["[a", "b"]
