from __future__ import annotations

import pytest

from slot.profiles.shell_words import Executed, OnlyAShellKnows, Text, Unfinished, Variable, WordReader, expand, literal

KNOWN = {"HOME": "~", "HF_HOME": "/hf", "EMPTY": ""}


def value(source: str, assigned: str | None = None) -> str:
    return expand(WordReader(source).word(), KNOWN, assigned=assigned)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("''", ""),
        ("'a b'", "a b"),
        ('"a b"', "a b"),
        ("a'b c'd\"e f\"", "ab cde f"),
        ("'$HF_HOME `id` \\n'", "$HF_HOME `id` \\n"),
        ("a\\ b", "a b"),
        ("a\\\nb", "ab"),
        ('"a\\\nb"', "ab"),
        ('"\\$x \\"q\\" \\` \\\\ \\n"', '$x "q" ` \\ \\n'),
        ("$HF_HOME/hub", "/hf/hub"),
        ("${HF_HOME}hub", "/hfhub"),
        ('"$HF_HOME"', "/hf"),
        ("~/x", "~/x"),
        ("$HOME/x", "~/x"),
        ("a$", "a$"),
        ('"$"', "$"),
        ("a$/b", "a$/b"),
        ('$"a b"', "a b"),
        ("${NEW:-1}", "1"),
        ("${NEW-1}", "1"),
        ("${NEW:=1}", "1"),
        ("${NEW=1}", "1"),
        ("${NEW:-}", ""),
        ("${NEW:-$HF_HOME/t}", "/hf/t"),
        ("${NEW:-'a b'}", "a b"),
        ('"${NEW:-a b}"', "a b"),
        ("${NEW:-${OTHER:-deep}}", "deep"),
        ("${HF_HOME:-/default}", "/hf"),
        ("${EMPTY:-default}", ""),
        ("word rest", "word"),
        ("word;rest", "word"),
        ("word)", "word"),
    ],
)
def test_what_a_word_is_worth(source: str, expected: str) -> None:
    assert value(source) == expected


def test_of_itself_the_default_counts() -> None:
    assert value("${HF_HOME:-/default}", assigned="HF_HOME") == "/default"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("$NEW", "it needs $NEW, which this file does not set"),
        ("${NEW}", "it needs $NEW, which this file does not set"),
        ("$(id -u)", "$(id -u) has a value only in a running shell"),
        ("$(a $(b))c", "$(a $(b)) has a value only in a running shell"),
        ("$((1+1))", "$((1+1)) has a value only in a running shell"),
        ("`id`", "`id` has a value only in a running shell"),
        ('"x`id`"', "`id` has a value only in a running shell"),
        ("${HF_HOME%/*}", "${HF_HOME%/*} has a value only in a running shell"),
        ("${#HF_HOME}", "${#HF_HOME} has a value only in a running shell"),
        ("${A[@]}", "${A[@]} has a value only in a running shell"),
        ("${NEW:+x}", "${NEW:+x} has a value only in a running shell"),
        ("$1", "$1 has a value only in a running shell"),
        ("$@", "$@ has a value only in a running shell"),
        ("$'a\\n'", "$'a\\n' has a value only in a running shell"),
        ("${NEW:-$(id)}", "$(id) has a value only in a running shell"),
    ],
)
def test_what_only_a_shell_knows(source: str, reason: str) -> None:
    with pytest.raises(OnlyAShellKnows) as caught:
        value(source)
    assert str(caught.value) == reason


def test_a_value_that_doubles_and_doubles_is_given_up() -> None:
    value = "x" * 40_000
    with pytest.raises(OnlyAShellKnows, match="more than 65536 characters"):
        expand(WordReader("$A$A" * 100_000).word(), {"A": value})


@pytest.mark.parametrize("depth", [49, 50, 51, 10_000])
def test_defaults_within_defaults_are_read_to_some_depth(depth: int) -> None:
    nested = "${A:-" * depth + "}" * depth
    if depth <= 50:
        assert value(nested) == ""
    else:
        with pytest.raises(OnlyAShellKnows, match="only in a running shell"):
            value(nested)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("'a", "a single quote is never closed"),
        ('"a', "a double quote is never closed"),
        ('"a\\', "a double quote is never closed"),
        ("`a", "a backtick is never closed"),
        ("$(a", "a '(' is never closed"),
        ("${a", "a '{' is never closed"),
        ("${a:-b", "a '{' is never closed"),
    ],
)
def test_what_is_never_closed(source: str, what: str) -> None:
    with pytest.raises(Unfinished) as caught:
        WordReader(source).word()
    assert str(caught.value) == what


def test_the_words_of_an_array_over_lines_and_comments() -> None:
    words = WordReader("(\n  --a 'b c' # why\n\n  --d={}\\\n  )").array()
    assert [literal(word) for word in words] == ["--a", "b c", "--d={}"]


def test_an_array_that_is_never_closed() -> None:
    with pytest.raises(Unfinished, match="an array is never closed"):
        WordReader("(a b\n").array()


def test_the_parts_of_a_word() -> None:
    parts = WordReader('a"$B"`c`').word()
    assert parts == (Text("a"), Variable("B"), Executed("`c`"))
    assert literal(parts) is None
