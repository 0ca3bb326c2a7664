"""How a bad profile is reported: every problem at once, each with where, what was found and what was expected."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST_QUOTE = 80


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a profile.

    `found` and `expected` complete the sentence "found ..., expected ..."; `hint` is a clause of its own or None.
    `line` counts from 1; it is None for what concerns the file as a whole, such as a key that is missing.
    """

    file: str
    line: int | None
    key: str | None
    found: str
    expected: str
    hint: str | None = None

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.complaint}"

    @property
    def complaint(self) -> str:
        """The problem without its place."""
        what = f"{self.key}: " if self.key else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{what}found {self.found}, expected {self.expected}{hint}"


class ProfileError(Exception):
    """A profile that cannot be used, with all its problems in the order of file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems), key=_position))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UnknownProfile(LookupError):
    """There is no profile of this name. `nearest` is a name that may have been meant, or None."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(known)
        self.nearest = nearest(name, self.known)
        hint = f"; did you mean {self.nearest}?" if self.nearest else ""
        super().__init__(f"no profile named {quoted(name)}{hint}")


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.75) -> str | None:
    """The one of `known` that `word` may be a slip of, or None where nothing is as alike as `cutoff` (1: the same)."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return close[0] if close else None


def quoted(text: str) -> str:
    """`text` as an error shows it: escaped, in quotes, and cut to `LONGEST_QUOTE` characters."""
    shown = text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"
    return repr(shown)


def _position(problem: Problem) -> tuple[str, int, str, str]:
    return problem.file, problem.line or 0, problem.key or "", problem.found
