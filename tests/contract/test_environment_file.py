"""A profile means the same to us, to python-dotenv and to systemd, whatever odd line it holds.

The table is the documentation of the format: what each of the two makes of a line, and whether we take it. We take it
only where they agree; where we refuse although they do, the line is too easily misread by somebody (a tab, an
invisible character, a second value, something that a shell would take for its own).

systemd is asked itself: `load_env_file` of its shared library is the function by which PID 1 reads EnvironmentFile=.
"""

from __future__ import annotations

import ctypes
import io
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from dotenv import dotenv_values
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from slot.profiles import dotenv_file
from slot.profiles.catalog import flatten
from slot.profiles.profile import Profile, Value

Read = dict[str, str | None] | None
"""What a reader makes of a file: its variables, or None where it refuses the whole file."""


class Alike(NamedTuple):
    """A file that all three of us read alike."""

    what: str
    file: bytes
    values: dict[str, str | None]


class Refused(NamedTuple):
    """A file that we refuse, what the two others make of it, and our problems by line."""

    what: str
    file: bytes
    systemd: Read
    dotenv: Read
    problems: list[tuple[int, str]]


ALIKE = [
    Alike("plain", b"A=1\nB=two\n", {"A": "1", "B": "two"}),
    Alike("no newline at the end", b"A=1", {"A": "1"}),
    Alike("empty value", b"A=\n", {"A": ""}),
    Alike("empty quotes", b"A=''\nB=\"\"\n", {"A": "", "B": ""}),
    Alike("comments and blank lines", b"# one\n\n \t\n  # two\nA=1\n", {"A": "1"}),
    Alike("hash within a word", b"A=a#b\n", {"A": "a#b"}),
    Alike("hash in quotes", b"A='a #b'\nB=\"#b\"\n", {"A": "a #b", "B": "#b"}),
    Alike("semicolon in a value", b"A=a;b\nB=;c\n", {"A": "a;b", "B": ";c"}),
    Alike("JSON", b'A={"a":1,"b":[1,2]}\n', {"A": '{"a":1,"b":[1,2]}'}),
    Alike("JSON with blanks", b'A={"a": 1, "b": [1, 2]}\n', {"A": '{"a": 1, "b": [1, 2]}'}),
    Alike("JSON in single quotes", b'A=\'{"a": "b #c"}\'\n', {"A": '{"a": "b #c"}'}),
    Alike("JSON with a quoted apostrophe", b'A={"a":"it\'s"}\n', {"A": '{"a":"it\'s"}'}),
    Alike("apostrophe within a word", b"A=it's\n", {"A": "it's"}),
    Alike("apostrophe in double quotes", b'A="it\'s"\n', {"A": "it's"}),
    Alike("inner blanks without a tab", b"A=a  b\n", {"A": "a  b"}),
    Alike("blanks at the end", b"A=a \t\n", {"A": "a"}),
    Alike("blanks kept by quotes", b"A=' a '\n", {"A": " a "}),
    Alike("blanks after the closing quote", b"A='a' \t\n", {"A": "a"}),
    Alike("only blanks after the equals sign", b"A=  \n", {"A": ""}),
    Alike("two equals signs", b"A==a=b\n", {"A": "=a=b"}),
    Alike("lower-case key", b"a=1\n", {"a": "1"}),
    Alike("key that begins with export", b"exported=1\n", {"exported": "1"}),
    Alike("backslash within a comment", b"# a\\b \\ \nA=1\n", {"A": "1"}),
    Alike("quote that opens later", b'A=a"b"\n', {"A": 'a"b"'}),
    Alike("unicode", "A=grüße 你好 🙂\n".encode(), {"A": "grüße 你好 🙂"}),
    Alike("empty file", b"", {}),
]

REFUSED = [
    Refused("hash after a blank", b"A=a #b\n", {"A": "a #b"}, {"A": "a"}, [(1, "a '#' within the value")]),
    Refused("hash first", b"A=#b\n", {"A": "#b"}, {"A": "#b"}, [(1, "a '#' within the value")]),
    Refused(
        "semicolon comment", b"; a comment\nA=1\n", {"A": "1"}, {"A": "1"}, [(1, "a comment that begins with ';'")]
    ),
    Refused("semicolon before an assignment", b";A=1\n", {}, {";A": "1"}, [(1, "a comment that begins with ';'")]),
    Refused(
        "JSON in double quotes, escaped", b'A="{\\"a\\":1}"\n', {"A": '{"a":1}'}, {"A": '{"a":1}'}, [(1, "a backslash")]
    ),
    Refused(
        "JSON in double quotes, not escaped",
        b'A="{"a":1}"\n',
        {"A": '{a":1}"'},
        {},
        [(1, "'a\":1}\"' after the closing quote")],
    ),
    Refused(
        "JSON with an escape", b'A={"a":"x\\ny"}\n', {"A": '{"a":"xny"}'}, {"A": '{"a":"x\\ny"}'}, [(1, "a backslash")]
    ),
    Refused("inner blanks", b"A=a  b\tc\n", {"A": "a  b\tc"}, {"A": "a  b\tc"}, [(1, "the character U+0009")]),
    Refused("blank after the equals sign", b"A= a\n", {"A": "a"}, {"A": "a"}, [(1, "a blank after '='")]),
    Refused("blank before the equals sign", b"A =a\n", {"A": "a"}, {"A": "a"}, [(1, "a blank before '='")]),
    Refused(
        "blank before the key",
        b"A=1\n  B=2\n",
        {"A": "1", "B": "2"},
        {"A": "1", "B": "2"},
        [(2, "a blank before the key")],
    ),
    Refused("no equals sign", b"A=1\nB\n", {"A": "1"}, {"A": "1", "B": None}, [(2, "'B'")]),
    Refused("words without an equals sign", b"A=1\nB C\n", {"A": "1"}, {"A": "1"}, [(2, "'B C'")]),
    Refused("no key", b"=a\n", {}, {}, [(1, "no key before '='")]),
    Refused("key in quotes", b"'A'=a\n", {"'A'": "a"}, {"A": "a"}, [(1, "\"'A'\"")]),
    Refused("key with a dash", b"A-B=1\n", {"A-B": "1"}, {"A-B": "1"}, [(1, "'A-B'")]),
    Refused("key that begins with a digit", b"1A=1\n", {"1A": "1"}, {"1A": "1"}, [(1, "'1A'")]),
    Refused("key that is not ASCII", "Ä=1\n".encode(), {"Ä": "1"}, {"Ä": "1"}, [(1, "'Ä'")]),
    Refused("hash in the key", b"A#B=1\n", {"A#B": "1"}, {"A": None}, [(1, "'A#B'")]),
    Refused("export", b"export A=1\n", {"export A": "1"}, {"A": "1"}, [(1, "'export'")]),
    Refused("export with a tab", b"export\tA=1\n", {"export\tA": "1"}, {"A": "1"}, [(1, "'export'")]),
    Refused(
        "duplicate key",
        b"A=1\nB=2\nA=3\n",
        {"A": "3", "B": "2"},
        {"A": "3", "B": "2"},
        [(3, "a second value; the first is on line 1")],
    ),
    Refused("dollar", b"A=$HOME_OF_NOBODY\n", {"A": "$HOME_OF_NOBODY"}, {"A": "$HOME_OF_NOBODY"}, [(1, "a '$'")]),
    Refused("dollar in braces", b"B=1\nA=${B}\n", {"B": "1", "A": "${B}"}, {"B": "1", "A": "1"}, [(2, "a '$'")]),
    Refused(
        "dollar in single quotes", b"B=1\nA='${B}'\n", {"B": "1", "A": "${B}"}, {"B": "1", "A": "1"}, [(2, "a '$'")]
    ),
    Refused("backtick", b"A=`id`\n", {"A": "`id`"}, {"A": "`id`"}, [(1, "a backtick")]),
    Refused("backslash within a word", b"A=a\\b\n", {"A": "ab"}, {"A": "a\\b"}, [(1, "a backslash")]),
    Refused("backslash in single quotes", b"A='a\\\\b'\n", {"A": "a\\\\b"}, {"A": "a\\b"}, [(1, "a backslash")]),
    Refused("backslash in double quotes", b'A="a\\nb"\n', {"A": "a\\nb"}, {"A": "a\nb"}, [(1, "a backslash")]),
    Refused(
        "continued line",
        b"A=a\\\nb\nC=1\n",
        {"A": "ab", "C": "1"},
        {"A": "a\\", "b": None, "C": "1"},
        [(1, "a backslash at the end of the line"), (2, "'b'")],
    ),
    Refused(
        "continued line in double quotes",
        b'A="a\\\nb"\nC=1\n',
        {"A": "ab", "C": "1"},
        {"A": "a\\\nb", "C": "1"},
        [(1, "a backslash at the end of the line"), (2, "'b\"'")],
    ),
    Refused(
        "continued comment",
        b"# a \\\nA=1\nB=2\n",
        {"B": "2"},
        {"A": "1", "B": "2"},
        [(1, "a comment that ends in a backslash")],
    ),
    Refused(
        "value over two lines",
        b"A='a\nb'\nC=1\n",
        {"A": "a\nb", "C": "1"},
        {"A": "a\nb", "C": "1"},
        [(1, "an opening ' that is never closed"), (2, '"b\'"')],
    ),
    Refused(
        "single quote never closed",
        b"A='a\nB=2\n",
        {"A": "a\nB=2\n"},
        {"B": "2"},
        [(1, "an opening ' that is never closed")],
    ),
    Refused(
        "double quote never closed",
        b'A="a\nB=2\n',
        {"A": "a\nB=2\n"},
        {"B": "2"},
        [(1, 'an opening " that is never closed')],
    ),
    Refused("text after the closing quote", b"A='a'b\n", {"A": "ab"}, {}, [(1, "'b' after the closing quote")]),
    Refused(
        "comment after the closing quote",
        b"A='a' # b\n",
        {"A": "a# b"},
        {"A": "a"},
        [(1, "' # b' after the closing quote")],
    ),
    Refused("two quoted parts", b"A='a''b'\n", {"A": "ab"}, {}, [(1, "\"'b'\" after the closing quote")]),
    Refused("mixed quotes", b"A='a\"\n", {"A": 'a"\n'}, {}, [(1, "an opening ' that is never closed")]),
    Refused(
        "CRLF",
        b"A=1\r\nB=2\r\n",
        {"A": "1", "B": "2"},
        {"A": "1", "B": "2"},
        [(1, "a carriage return at the end of the line")],
    ),
    Refused("CR alone", b"A=1\rB=2\n", {"A": "1", "B": "2"}, {"A": "1", "B": "2"}, [(1, "a carriage return")]),
    Refused("CR in a comment", b"# a\rA=1\n", {"A": "1"}, {"A": "1"}, [(1, "a carriage return")]),
    Refused("byte order mark", "\ufeffA=1\n".encode(), {"\ufeffA": "1"}, {"A": "1"}, [(1, "a byte order mark")]),
    Refused("NUL", b"A=a\x00b\n", None, {"A": "a\x00b"}, [(1, "a NUL byte")]),
    Refused("NUL in a comment", b"# a\x00b\nA=1\n", None, {"A": "1"}, [(1, "a NUL byte")]),
    Refused("not UTF-8", b"A=1\nB=\xff\n", None, None, [(2, "the byte 0xff")]),
    Refused("not UTF-8 in a comment", b"# \xff\nA=1\n", {"A": "1"}, None, [(1, "the byte 0xff")]),
    Refused(
        "no-break space at the end", "A=a\xa0\n".encode(), {"A": "a\xa0"}, {"A": "a"}, [(1, "the character U+00A0")]
    ),
    Refused("no-break space first", "A=\xa0a\n".encode(), {"A": "\xa0a"}, {"A": "a"}, [(1, "the character U+00A0")]),
    Refused(
        "line separator",
        b"A=a\xe2\x80\xa8B=b\n",
        {"A": "a\u2028B=b"},
        {"A": "a\u2028B=b"},
        [(1, "the character U+2028")],
    ),
    Refused("next line", "A=a\x85#b\n".encode(), {"A": "a\x85#b"}, {"A": "a"}, [(1, "the character U+0085")]),
    Refused("vertical tab", b"A=a\x0b\n", {"A": "a\x0b"}, {"A": "a"}, [(1, "the character U+000B")]),
    Refused("form feed on a line of its own", b"\x0c\nA=1\n", {"A": "1"}, {"A": "1"}, [(1, "'\\x0c'")]),
    Refused("escape character", b"A=\x1b[31m\n", {"A": "\x1b[31m"}, {"A": "\x1b[31m"}, [(1, "the character U+001B")]),
    Refused(
        "zero-width space", "A=a\u200bb\n".encode(), {"A": "a\u200bb"}, {"A": "a\u200bb"}, [(1, "the character U+200B")]
    ),
    Refused(
        "right-to-left override",
        b"A=a\xe2\x80\xaeb\n",
        {"A": "a\u202eb"},
        {"A": "a\u202eb"},
        [(1, "the character U+202E")],
    ),
    Refused("noncharacter", "A=a\uffff\n".encode(), None, {"A": "a\uffff"}, [(1, "the character U+FFFF")]),
    Refused("set", b"set -e\nA=1\n", {"A": "1"}, {"A": "1"}, [(1, "'set -e'")]),
]

# The table has what systemd 252 does.
SINCE_SYSTEMD_254: dict[str, Read] = {"continued comment": {"A": "1", "B": "2"}}


def ours(file: bytes) -> tuple[Read, list[tuple[int | None, str]]]:
    read = dotenv_file.parse(file, "x.env")
    values: Read = {assignment.key: assignment.value for assignment in read.assignments}
    return values, [(problem.line, problem.found) for problem in read.problems]


def python_dotenv(file: bytes) -> Read:
    try:
        return dict(dotenv_values(stream=io.StringIO(file.decode(), newline="")))
    except UnicodeDecodeError:
        return None


def systemd_libraries() -> Iterator[Path]:
    """`libsystemd-shared-VERSION.so`, in the places where distributions put it."""
    for directory in ("/usr/lib/*/systemd", "/usr/lib/systemd", "/usr/lib64/systemd", "/lib/*/systemd", "/lib/systemd"):
        yield from Path("/").glob(f"{directory[1:]}/libsystemd-shared-*.so")


def load_env_file(systemd: ctypes.CDLL, path: Path) -> Read:
    """What `EnvironmentFile=path` would set. Its prototype: int load_env_file(FILE *, const char *, char ***)."""
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(libc.fopen(str(path).encode(), b"r"))
    lines = ctypes.POINTER(ctypes.c_char_p)()
    failed = systemd.load_env_file(stream, str(path).encode(), ctypes.byref(lines)) < 0
    libc.fclose(stream)
    return None if failed else dict(_pairs(lines))


def _pairs(lines: ctypes._Pointer[ctypes.c_char_p]) -> Iterator[tuple[str, str]]:
    # A null-terminated array, or a null pointer for an empty one; its few bytes are never freed.
    for position in itertools.count():
        if not lines or (line := lines[position]) is None:
            return
        key, _, value = line.decode().partition("=")
        yield key, value


class ReadBySystemd(NamedTuple):
    version: int
    library: ctypes.CDLL
    path: Path

    def __call__(self, file: bytes) -> Read:
        self.path.write_bytes(file)
        return load_env_file(self.library, self.path)


@pytest.fixture
def read_by_systemd(require: Callable[[object, str], None], tmp_path: Path) -> ReadBySystemd:
    path = next(systemd_libraries(), None)
    require(path, "systemd's shared library is not installed")
    library = ctypes.CDLL(str(path))
    require(hasattr(library, "load_env_file"), f"{path} has no load_env_file")
    version = re.search(r"shared-(\d+)", str(path))
    return ReadBySystemd(int(version[1]) if version else 0, library, tmp_path / "current.env")


@pytest.mark.parametrize("row", ALIKE, ids=lambda row: row.what)
def test_we_take_a_line_that_both_read_alike(row: Alike) -> None:
    assert ours(row.file) == (row.values, [])
    assert python_dotenv(row.file) == row.values


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.what)
def test_we_refuse_a_line_with_its_number(row: Refused) -> None:
    assert ours(row.file)[1] == row.problems
    assert python_dotenv(row.file) == row.dotenv


@pytest.mark.systemd
def test_systemd_reads_every_line_as_recorded(read_by_systemd: ReadBySystemd) -> None:
    recorded = {row.what: row.values for row in ALIKE} | {row.what: row.systemd for row in REFUSED}
    if read_by_systemd.version >= 254:
        recorded |= SINCE_SYSTEMD_254
    files = {row.what: row.file for row in ALIKE} | {row.what: row.file for row in REFUSED}
    assert {what: read_by_systemd(file) for what, file in files.items()} == recorded


def test_the_table_has_every_way_in_which_the_two_differ() -> None:
    assert sum(row.systemd != row.dotenv for row in REFUSED) >= 20


# Random files of whatever a reader may stumble over, and little else; about every fourth of them is taken.
SUSPECT = "B='\"#;{}:, é"
ODD_TEXT = st.text(st.sampled_from(SUSPECT + "$`\\\t\r\n\0\x0b\x85\u00a0\u2028\ufeff"), max_size=20)
QUOTE = st.sampled_from(["", "'", '"'])
ODD_LINE = st.builds(
    "{0}={1}{2}{1}{3}".format,
    st.sampled_from("AB"),
    QUOTE,
    st.text(st.sampled_from(SUSPECT)),
    st.sampled_from(["", " ", "\t"]),
)
ODD_FILE = st.lists(ODD_LINE | ODD_TEXT, max_size=3).map("\n".join)
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
once_per_test = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)


@pytest.mark.systemd
@once_per_test
@given(text=ODD_LINE | ODD_FILE)
@example(text="A='\u2028'")
def test_whatever_file_we_take_the_others_read_alike(read_by_systemd: ReadBySystemd, text: str) -> None:
    file = text.encode()
    values, problems = ours(file)
    if not problems:
        assert read_by_systemd(file) == values
        assert python_dotenv(file) == values


@pytest.mark.systemd
@once_per_test
@given(value=ANY_TEXT | ODD_TEXT)
@example(value="")
@example(value=" ")
@example(value="#")
@example(value="'\"")
@example(value='{"it\'s": "so #1"}')
def test_a_flattened_value_is_read_back_by_all(read_by_systemd: ReadBySystemd, value: str) -> None:
    profile = Profile("p", Path("p.env"), ("p",), {"MODEL_SLOT_STORY": Value(value, "p.env", 1, "p")})
    try:
        file = flatten(profile).encode()
    except ValueError:
        # A value that no line can hold; `test_a_value_of_a_profile_can_always_be_written` shows that no profile has it.
        return
    expected = {"MODEL_SLOT_STORY": value}
    assert ours(file) == (expected, [])
    assert read_by_systemd(file) == expected
    assert python_dotenv(file) == expected


@once_per_test
@given(text=ODD_LINE)
def test_a_value_of_a_profile_can_always_be_written(text: str) -> None:
    for assignment in dotenv_file.parse(text.encode(), "x.env").assignments:
        line = dotenv_file.write(assignment.key, assignment.value)
        assert ours(line.encode()) == ({assignment.key: assignment.value}, [])
