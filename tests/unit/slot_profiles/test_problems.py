from __future__ import annotations

import pytest

from slot.profiles.problems import LONGEST_QUOTE, Problem, ProfileError, UnknownProfile, nearest, quoted


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("a.env", 3, "KEY", "'x'", "a number"), "a.env:3: KEY: found 'x', expected a number"),
        (Problem("a.env", None, "KEY", "nothing", "it"), "a.env: KEY: found nothing, expected it"),
        (Problem("a.env", 1, None, "a tab", "none", "go on"), "a.env:1: found a tab, expected none; go on"),
    ],
)
def test_a_problem_reads_as_a_sentence(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_problems_come_in_the_order_of_file_and_line_each_once() -> None:
    problems = [
        Problem("b.env", 1, "A", "x", "y"),
        Problem("a.env", 10, "B", "x", "y"),
        Problem("a.env", 9, "C", "x", "y"),
        Problem("a.env", None, "D", "x", "y"),
        Problem("a.env", 9, "C", "x", "y"),
    ]
    error = ProfileError(problems)
    assert [(problem.file, problem.line) for problem in error.problems] == [
        ("a.env", None),
        ("a.env", 9),
        ("a.env", 10),
        ("b.env", 1),
    ]
    assert str(error).count("\n") == 3


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("gemma4-c8", "gemma4-c8"),
        ("gema4-c8", "gemma4-c8"),
        ("GEMMA", None),
        ("", None),
    ],
)
def test_only_what_is_close_is_suggested(word: str, found: str | None) -> None:
    assert nearest(word, ["gemma4-c8", "qwen"]) == found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("qwem", "no profile named 'qwem'; did you mean qwen?"),
        ("../etc/passwd", "no profile named '../etc/passwd'"),
    ],
)
def test_an_unknown_profile_says_what_may_have_been_meant(name: str, text: str) -> None:
    assert str(UnknownProfile(name, ["gemma", "qwen"])) == text


@pytest.mark.parametrize("length", [0, 1, LONGEST_QUOTE, LONGEST_QUOTE + 1, 10_000])
def test_a_quote_never_fills_the_screen(length: int) -> None:
    shown = quoted("x" * length)
    assert len(shown) == min(length, LONGEST_QUOTE) + 2
    assert shown.endswith("…'") == (length > LONGEST_QUOTE)


def test_a_quote_shows_what_is_invisible() -> None:
    assert quoted("a\x1b[31m\n") == "'a\\x1b[31m\\n'"
