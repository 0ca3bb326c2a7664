"""The words of a shell, read without running it: quotes, `$NAME`, `${NAME:-default}` and arrays.

Sources: POSIX.1-2017, Shell Command Language 2.2 (quoting), 2.3 (tokens), 2.6.2 (parameters); bash for arrays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

WORD_END = frozenset(" \t\n;&|<>()")

MAX_VALUE = 65_536
"""Characters of one value: eleven lines that double the one before make gigabytes."""

MAX_DEFAULTS = 50
"""How many `${A:-${B:-...}}` are read within each other."""

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_SPECIAL = re.compile(r"[0-9@*#?$!-]")
_DEFAULT = re.compile(r":?[-=]")


@dataclass(frozen=True)
class Text:
    """What stands for itself, its quotes removed."""

    text: str


@dataclass(frozen=True)
class Variable:
    """`$name`, or with a `default` one of `${name:-default}` and its kin."""

    name: str
    default: Word | None = None


@dataclass(frozen=True)
class Executed:
    """What has a value only in a running shell, such as the output of a command; as written."""

    source: str


Word = tuple[Text | Variable | Executed, ...]


class OnlyAShellKnows(ValueError):
    """A word has no value until a shell runs it; the message says why."""


class Unfinished(ValueError):
    """The source ends within a quote or a bracket; the message names it."""


def expand(word: Word, known: Mapping[str, str], *, assigned: str | None = None) -> str:
    """The word's value, where `known` are the variables that are set and `assigned` the one that is about to be.

    Of `X="${X:-default}"` the default counts: what the environment held would have won, and nobody can know that.
    Raises OnlyAShellKnows.
    """
    value = ""
    for part in word:
        value += _value(part, known, assigned)
        if len(value) > MAX_VALUE:
            raise OnlyAShellKnows(f"it grows to more than {MAX_VALUE} characters")
    return value


def _value(part: Text | Variable | Executed, known: Mapping[str, str], assigned: str | None) -> str:
    match part:
        case Text(text):
            return text
        case Variable(name) if name in known and name != assigned:
            return known[name]
        case Variable(name, None):
            raise OnlyAShellKnows(f"it needs ${name}, which this file does not set")
        case Variable(default=default) if default is not None:
            return expand(default, known, assigned=assigned)
        case Executed(source):
            raise OnlyAShellKnows(f"{source} has a value only in a running shell")
    raise AssertionError(f"unexpected part of a word: {part}")


def literal(word: Word) -> str | None:
    """The word where all of it stands for itself, otherwise None."""
    texts = [part.text for part in word if isinstance(part, Text)]
    return "".join(texts) if len(texts) == len(word) else None


class WordReader:
    """A position in a source, and what can be read from there."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self._defaults = 0

    @property
    def line(self) -> int:
        """Counted from 1."""
        return self.source.count("\n", 0, self.position) + 1

    def peek(self, length: int = 1) -> str:
        return self.source[self.position : self.position + length]

    def take(self, length: int = 1) -> str:
        taken = self.peek(length)
        self.position += len(taken)
        return taken

    def take_match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.source, self.position)
        if match:
            self.position = match.end()
        return match

    def take_line(self) -> str:
        """What is left of the line, without its newline."""
        return self.source[self.position : self._find("\n", len(self.source))]

    def skip_blanks(self) -> None:
        """Over blanks and continued lines."""
        while self.peek() in (" ", "\t") or self.peek(2) == "\\\n":
            self.take(2 if self.peek() == "\\" else 1)

    def word(self) -> Word:
        """The word that begins here. Raises Unfinished."""
        return tuple(self._parts(WORD_END))

    def array(self) -> tuple[Word, ...]:
        """The words of the array whose opening bracket is here. Raises Unfinished."""
        return tuple(self._words_of_array())

    def _words_of_array(self) -> Iterator[Word]:
        self.take()
        while True:
            self.skip_blanks()
            match self.peek():
                case ")":
                    self.take()
                    return
                case "":
                    raise Unfinished("an array is never closed")
                case "#":
                    self.take_line()
                case character if character in WORD_END:
                    self.take()
                case _:
                    yield self.word()

    def _parts(self, end: frozenset[str]) -> Iterator[Text | Variable | Executed]:
        while self.peek() and self.peek() not in end:
            match self.take():
                case "'":
                    yield Text(self._take_up_to("'", "a single quote"))
                case '"':
                    yield from self._parts_in_quotes()
                case "\\":
                    yield Text(self.take().replace("\n", ""))
                case "$" if self.peek() == "'":
                    self.take()
                    yield Executed("$'" + self._take_up_to("'", "a single quote") + "'")
                case "$" if self.peek() == '"':
                    pass  # a string to be translated: the quotes that follow are the string
                case "$" | "`" as sign:
                    yield self._expansion(sign)
                case character:
                    yield Text(character)

    def _parts_in_quotes(self) -> Iterator[Text | Variable | Executed]:
        while (character := self.take()) != '"':
            if not character:
                raise Unfinished("a double quote is never closed")
            if character in "$`":
                yield self._expansion(character)
            elif character == "\\" and self.peek() and self.peek() in '$`"\\\n':
                yield Text(self.take().replace("\n", ""))
            else:
                yield Text(character)

    def _expansion(self, sign: str) -> Text | Variable | Executed:
        """What a `$` or a backtick, which was just taken, begins."""
        if sign == "`":
            return Executed(f"`{self._take_up_to('`', 'a backtick')}`")
        if self.peek() == "(":
            return Executed(f"${self.balanced('(', ')')}")
        if self.peek() == "{":
            return self._braced()
        if name := self.take_match(_NAME):
            return Variable(name[0])
        special = self.take_match(_SPECIAL)
        return Executed(f"${special[0]}") if special else Text("$")

    def _braced(self) -> Variable | Executed:
        start = self.position
        self.take()
        if self._defaults < MAX_DEFAULTS and (name := self.take_match(_NAME)):
            self._defaults += 1
            default = tuple(self._parts(frozenset("}"))) if self.take_match(_DEFAULT) else None
            self._defaults -= 1
            if self.take() == "}":
                return Variable(name[0], default)
        self.position = start
        return Executed(f"${self.balanced('{', '}')}")

    def balanced(self, opening: str, closing: str) -> str:
        """What is between the brackets that begin here, with them. Raises Unfinished."""
        start, depth = self.position, 0
        while character := self.take():
            depth += (character == opening) - (character == closing)
            if depth == 0:
                return self.source[start : self.position]
        raise Unfinished(f"a '{opening}' is never closed")

    def _take_up_to(self, end: str, what: str) -> str:
        start, found = self.position, self._find(end, -1)
        if found < 0:
            raise Unfinished(f"{what} is never closed")
        self.take()
        return self.source[start:found]

    def _find(self, end: str, otherwise: int) -> int:
        """Moves to the next `end` and tells its place; without one, moves to the end of the source."""
        found = self.source.find(end, self.position)
        self.position = len(self.source) if found < 0 else found
        return otherwise if found < 0 else found
