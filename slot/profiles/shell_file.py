"""A shell fragment that sets variables, read without running it: the form of the predecessor's profiles.

Understood are assignments (also of arrays, behind `export` and the like, and in `: "${NAME:=default}"`), comments and
`source`. Whatever else there is comes as Unread, with the reason; nothing is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from slot.profiles.shell_words import WORD_END, Unfinished, Variable, Word, WordReader, literal

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=", re.ASCII)
_BARE_WORD = re.compile(r"[^\s;&|<>()'\"$`\\#]+")
_SETS = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\+?=", re.ASCII | re.MULTILINE)
_FUNCTION = re.compile(r"(?:function\s+[\w-]+\s*(?:\(\s*\))?|[\w-]+\s*\(\s*\))\s*\{", re.ASCII)
_DECLARATIONS = frozenset({"export", "declare", "typeset", "readonly", "local"})
_BLOCKS = {"if": "fi", "for": "done", "while": "done", "until": "done", "select": "done", "case": "esac", "{": "}"}
_WITHIN_BLOCKS = frozenset({"then", "else", "elif", "do"})

NOT_EXECUTED = "a command: nothing is executed"


@dataclass(frozen=True)
class Assignment:
    """`name=word`, or `name=(word ...)` where `is_array`; `appends` for `+=`. `text` is the whole statement."""

    line: int
    text: str
    name: str
    words: tuple[Word, ...]
    is_array: bool = False
    appends: bool = False


@dataclass(frozen=True)
class Sourced:
    """`source file`."""

    line: int
    text: str
    file: Word


@dataclass(frozen=True)
class Comment:
    """A comment with its `#`; the text is empty for an empty line."""

    line: int
    text: str


@dataclass(frozen=True)
class Unread:
    """What has no meaning without a shell, and why. `text` is its first line."""

    line: int
    text: str
    reason: str


Statement = Assignment | Sourced | Comment | Unread


def read(source: str) -> Iterator[Statement]:
    """The statements of a file in their order; a line may hold several."""
    reader = _FileReader(source)
    while reader.find_statement():
        start, line = reader.position, reader.line
        try:
            yield from reader.statement()
        except Unfinished as exc:
            yield Unread(line, _first_line(source[start:]), str(exc))
            return


class _FileReader(WordReader):
    """Reads statements. Each method begins where the last one ended."""

    def find_statement(self) -> bool:
        """Moves to the next statement, over the separators before it; False at the end of the source."""
        while self.peek() in (" ", "\t", ";"):
            self.take()
        return bool(self.peek())

    def statement(self) -> Iterator[Statement]:
        line = self.line
        if self.peek() == "\n":
            is_empty = self.source[: self.position].rpartition("\n")[2].strip() == ""
            self.take()
            yield from [Comment(line, "")] if is_empty else []
        elif self.peek() == "#":
            yield Comment(line, self.take_line())
            self.take()
        elif self._next_bare_word() in _BLOCKS or _FUNCTION.match(self.source, self.position):
            yield self._block()
        else:
            yield from self._command()

    def _command(self) -> Iterator[Statement]:
        start, line = self.position, self.line
        is_declaration = self._next_bare_word() in _DECLARATIONS
        if is_declaration:
            self._skip_declaration()
        assignments = list(self._assignments())
        words = list(self._words())
        is_more = self._skip_rest()
        text = self.source[start : self.position].strip()
        match assignments, words, is_more:
            case _, [], False:
                yield from (Assignment(line, text, *assignment) for assignment in assignments)
            case [], _, False if is_declaration:
                return  # `export NAME` says nothing that the assignment to NAME has not said
            case [], _, False:
                yield from _of_words(words, line, text)
            case _:
                yield Unread(line, _first_line(text), NOT_EXECUTED)

    def _block(self) -> Unread:
        """A condition or a loop, up to the word that ends it."""
        start, line, ends = self.position, self.line, [self._block_end()]
        while ends:
            if not self.find_statement():
                raise Unfinished(f"'{ends[-1]}' is missing")
            word = self._next_bare_word()
            if end := self._block_end():
                ends.append(end)
            elif word in _WITHIN_BLOCKS:
                self.word()
            else:
                self._skip_statement()
                ends = ends[:-1] if word == ends[-1] else ends
        text = self.source[start : self.position]
        names = ", ".join(sorted({match[1] for match in _SETS.finditer(text)}))
        sets = f"; it sets {names}" if names else ""
        return Unread(line, _first_line(text), f"a condition or a loop: nothing is executed{sets}")

    def _block_end(self) -> str:
        """The word that ends the block that begins here, moving over its first word; empty where none begins."""
        if self.take_match(_FUNCTION):
            return "}"
        end = _BLOCKS.get(self._next_bare_word(), "")
        if end:
            self.word()
        return end

    def _skip_statement(self) -> None:
        if self.peek() == "#":
            self.take_line()
        elif self.peek() == "\n":
            self.take()
        else:
            list(self._words())
            self._skip_rest()

    def _skip_declaration(self) -> None:
        """Over `export` and its options."""
        self.word()
        self.skip_blanks()
        while self.peek() == "-":
            self.word()
            self.skip_blanks()

    def _assignments(self) -> Iterator[tuple[str, tuple[Word, ...], bool, bool]]:
        while match := self.take_match(_ASSIGNMENT):
            is_array = self.peek() == "("
            words = self.array() if is_array else (self.word(),)
            yield match[1], words, is_array, bool(match[2])
            self.skip_blanks()

    def _words(self) -> Iterator[Word]:
        self.skip_blanks()
        while self.peek() and self.peek() not in WORD_END and self.peek() != "#":
            yield self.word()
            self.skip_blanks()

    def _skip_rest(self) -> bool:
        """To the end of the command, over operators and what follows them; whether there was any."""
        is_more = False
        while self.peek() and self.peek() not in "\n;#":
            is_more = True
            self.balanced("(", ")") if self.peek() == "(" else self.take()
            list(self._words())
        return is_more

    def _next_bare_word(self) -> str:
        match = _BARE_WORD.match(self.source, self.position)
        return match[0] if match else ""


def _of_words(words: list[Word], line: int, text: str) -> Iterator[Statement]:
    command, arguments = literal(words[0]), words[1:]
    if command in ("source", ".") and len(arguments) == 1:
        yield Sourced(line, text, arguments[0])
    elif command == ":":
        yield from (_of_default(word, line, text) for word in arguments)
    else:
        yield Unread(line, _first_line(text), NOT_EXECUTED)


def _of_default(word: Word, line: int, text: str) -> Statement:
    """`: "${NAME:=default}"` sets NAME."""
    match word:
        case (Variable(name, default),) if default is not None:
            return Assignment(line, text, name, (default,))
    return Unread(line, _first_line(text), NOT_EXECUTED)


def _first_line(text: str) -> str:
    first, more, _ = text.strip().partition("\n")
    return f"{first} …" if more else first
