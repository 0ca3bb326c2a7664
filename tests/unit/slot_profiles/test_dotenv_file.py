"""The odd lines themselves are in tests/contract/test_environment_file.py."""

from __future__ import annotations

import pytest

from slot.profiles.dotenv_file import MAX_FILE_BYTES, Assignment, parse, write


def test_assignments_know_their_lines() -> None:
    read = parse(b"# first\nA=1\n\nB='two words'\n", "x.env")
    assert read.assignments == (Assignment("A", "1", 2), Assignment("B", "two words", 4))
    assert read.problems == ()


def test_every_problem_is_told_and_the_good_lines_are_still_read() -> None:
    read = parse(b"export A=1\nB=$x\nGOOD=1\nC\nGOOD=2\n", "x.env")
    assert read.assignments == (Assignment("GOOD", "1", 3),)
    assert [str(problem) for problem in read.problems] == [
        "x.env:1: A: found 'export', expected KEY=value alone: this is no shell script",
        "x.env:2: B: found a '$', expected a value that is complete as it stands: nothing is substituted",
        "x.env:4: found 'C', expected KEY=value, or '#' before a comment",
        "x.env:5: GOOD: found a second value; the first is on line 3, expected each key once",
    ]


def test_windows_line_ends_are_one_problem_not_one_for_each_line() -> None:
    read = parse(b"A=1\r\nB=2\r\n", "x.env")
    assert [problem.line for problem in read.problems] == [1]
    assert [assignment.value for assignment in read.assignments] == ["1", "2"]


def test_a_file_too_large_for_a_profile_is_one_problem() -> None:
    assert parse(b"A=1" + b"\n" * (MAX_FILE_BYTES - 3), "x.env").problems == ()
    read = parse(b"junk\n" * 2_000_000, "x.env")
    assert [str(problem) for problem in read.problems] == [
        "x.env: found a file of 10000000 bytes, expected at most 262144"
    ]


def test_the_line_of_what_is_not_utf8() -> None:
    read = parse(b"A=1\nB=2\nC=\xe4\n", "x.env")
    assert [str(problem) for problem in read.problems] == ["x.env:3: found the byte 0xe4, expected UTF-8 text"]


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("32768", "A=32768"),
        ("/mnt/a-b/~c", "A=/mnt/a-b/~c"),
        ("", "A=''"),
        ("two words", "A='two words'"),
        ('{"a":1}', "A='{\"a\":1}'"),
        ("it's", 'A="it\'s"'),
        ('{"it\'s":1}', 'A={"it\'s":1}'),
        ("#", "A='#'"),
        (" a ", "A=' a '"),
    ],
)
def test_a_value_is_written_with_as_few_quotes_as_it_needs(value: str, line: str) -> None:
    assert write("A", value) == line


@pytest.mark.parametrize("value", ["$a", "a\\b", "`", "a\nb", "\t", "'\" #", "\u200b"])
def test_what_no_line_can_hold_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="^A: no line of an environment file reads back as"):
        write("A", value)
