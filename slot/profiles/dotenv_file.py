"""The text of a profile: `KEY=value` lines that systemd and python-dotenv read alike, and nothing else.

Both have their own idea of quotes, escapes, comments and continued lines. Instead of imitating one of them, this reader
takes only the lines on which they agree and refuses every other one, so that a profile means the same whoever reads
it (`tests/contract/test_environment_file.py` asks both of them). What is left is small:

    # a comment, or a blank line
    KEY=value        up to the end of the line; no blank follows the `=`, and no ` #` is within
    KEY='value'      where a value begins with `#` or a quote, or has blanks at its ends; JSON is written like this
    KEY="value"      the same, for a value that holds a single quote

A key stands at the beginning of the line and stands once. A value holds printable characters, none of which is
`$`, a backtick or a backslash: nothing is ever substituted. Blanks at the end of a line mean nothing.

Sources: systemd 252 `src/basic/env-file.c` and systemd.exec(5) EnvironmentFile=; python-dotenv 1.2 `parser.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from slot.profiles.problems import Problem, quoted

BLANKS = " \t"

MAX_FILE_BYTES = 256 << 10
"""Fifty times the longest profile. A larger file is no profile, and to judge each of its lines could take minutes."""

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN = re.compile(r"[A-Za-z0-9_./:,@%+=~-]+")
_REFUSED_CHARACTERS = {
    "$": ("a '$'", "a value that is complete as it stands: nothing is substituted"),
    "`": ("a backtick", "a value that is complete as it stands: nothing is executed"),
    "\\": ("a backslash", "no escapes: systemd and python-dotenv undo them differently"),
}


@dataclass(frozen=True)
class Assignment:
    """One `KEY=value` line; `line` counts from 1."""

    key: str
    value: str
    line: int


@dataclass(frozen=True)
class EnvironmentFile:
    """What a file says: its assignments in their order, and everything in it that cannot be accepted."""

    assignments: tuple[Assignment, ...]
    problems: tuple[Problem, ...]


class _Refused(Exception):
    """A line that is not accepted; the arguments are those of Problem."""

    def __init__(self, found: str, expected: str, *, key: str | None = None, hint: str | None = None) -> None:
        super().__init__(found)
        self.found, self.expected, self.key, self.hint = found, expected, key, hint


def parse(data: bytes, file: str) -> EnvironmentFile:
    """The assignments of an environment file, and its problems; `file` is the name that the problems carry."""
    if len(data) > MAX_FILE_BYTES:
        found = f"a file of {len(data)} bytes"
        return EnvironmentFile((), (Problem(file, None, None, found, f"at most {MAX_FILE_BYTES}"),))
    try:
        text = data.decode()
    except UnicodeDecodeError as exc:
        found = f"the byte 0x{data[exc.start]:02x}"
        where = data.count(b"\n", 0, exc.start) + 1
        return EnvironmentFile((), (Problem(file, where, None, found, "UTF-8 text"),))
    problems = _problems_of_encoding(text, file)
    first: dict[str, Assignment] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"), start=1):
        try:
            read = _read(line)
            if read is None:
                continue
            key, value = read
            if key in first:
                raise _Refused(f"a second value; the first is on line {first[key].line}", "each key once", key=key)
            first[key] = Assignment(key, value, number)
        except _Refused as refused:
            problems.append(Problem(file, number, refused.key, refused.found, refused.expected, refused.hint))
    return EnvironmentFile(tuple(first.values()), tuple(problems))


def write(key: str, value: str) -> str:
    """The line that reads back as `key` and `value`, without its newline. Raises ValueError where no line does."""
    for line in _spellings(key, value):
        try:
            if _read(line) == (key, value):
                return line
        except _Refused:
            continue
    raise ValueError(f"{key}: no line of an environment file reads back as {quoted(value)}")


def _spellings(key: str, value: str) -> tuple[str, ...]:
    bare = f"{key}={value}"
    in_quotes = (f"{key}='{value}'", f'{key}="{value}"')
    return (bare, *in_quotes) if _PLAIN.fullmatch(value) else (*in_quotes, bare)


def _problems_of_encoding(text: str, file: str) -> list[Problem]:
    problems = []
    if text.startswith("\ufeff"):
        problems.append(
            Problem(file, 1, None, "a byte order mark", "UTF-8 without one: it would belong to the first key")
        )
    if "\r\n" in text:
        line = text.count("\n", 0, text.index("\r\n")) + 1
        problems.append(Problem(file, line, None, "a carriage return at the end of the line", "Unix line ends"))
    return problems


def _read(line: str) -> tuple[str, str] | None:
    """Key and value of a line, or None for a comment or a blank line. Raises _Refused."""
    if "\0" in line:
        raise _Refused("a NUL byte", "text: systemd refuses the whole file")
    if "\r" in line:
        raise _Refused("a carriage return", "newlines alone to end lines")
    content = line.strip(BLANKS)
    if not content:
        return None
    if content.startswith("#"):
        _check_comment(line)
        return None
    key, equals, rest = line.partition("=")
    if not equals or content.startswith(";"):
        raise _no_assignment(content)
    return _read_key(key), _read_value(key, rest)


def _check_comment(line: str) -> None:
    if line.endswith("\\"):
        raise _Refused(
            "a comment that ends in a backslash",
            "another ending: systemd before 254 takes the next line into the comment",
        )


def _no_assignment(content: str) -> _Refused:
    if content.startswith(";"):
        return _Refused("a comment that begins with ';'", "'#': python-dotenv does not know ';'")
    return _Refused(quoted(content), "KEY=value, or '#' before a comment")


def _read_key(key: str) -> str:
    bare = key.strip(BLANKS)
    if bare.startswith("export ") or bare.startswith("export\t"):
        raise _Refused("'export'", "KEY=value alone: this is no shell script", key=bare[7:].strip(BLANKS))
    if not bare:
        raise _Refused("no key before '='", "KEY=value")
    if not _KEY.fullmatch(bare):
        raise _Refused(quoted(key), "a key of letters, digits and '_' that does not begin with a digit")
    if key != bare:
        side = "before the key" if key[0] in BLANKS else "before '='"
        raise _Refused(f"a blank {side}", "KEY=value without blanks around the key", key=bare)
    return key


def _read_value(key: str, rest: str) -> str:
    text = rest.rstrip(BLANKS)
    if text and text[0] in BLANKS:
        raise _Refused("a blank after '='", "KEY=value without blanks around '='", key=key)
    if rest.endswith("\\"):
        raise _Refused("a backslash at the end of the line", "the whole value on one line", key=key)
    for character in text:
        if character in _REFUSED_CHARACTERS:
            found, expected = _REFUSED_CHARACTERS[character]
            raise _Refused(found, expected, key=key)
        if not character.isprintable():
            raise _Refused(f"the character U+{ord(character):04X}", "printable characters", key=key)
    return _read_quoted(key, text) if text[:1] in ("'", '"') else _read_bare(key, text)


def _read_quoted(key: str, text: str) -> str:
    quote = text[0]
    value, closing, after = text[1:].partition(quote)
    if not closing:
        raise _Refused(f"an opening {quote} that is never closed", "a value that ends on its line", key=key)
    if after:
        raise _Refused(f"{quoted(after)} after the closing quote", "nothing after the value", key=key)
    return value


def _read_bare(key: str, text: str) -> str:
    if text.startswith("#") or " #" in text:
        raise _Refused(
            "a '#' within the value",
            "a comment on a line of its own",
            key=key,
            hint="put the value in quotes to keep the '#'",
        )
    return text
