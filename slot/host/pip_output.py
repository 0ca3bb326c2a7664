"""What pip is at, from the lines it writes: its own progress bars are for a terminal, and one package at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

# A package comes from an index ("Collecting") or as a file of this host ("Processing")
_FETCHING = re.compile(r"(?:Collecting |Processing (?:\S*/)?)(?P<name>[A-Za-z0-9._]+(?:-[A-Za-z][A-Za-z0-9._]*)*)")
_SIZE = re.compile(r"\s*Downloading \S+ \((?P<size>[\d.]+ [kMG]?B)\)")

_UNREACHED = re.compile(r"after connection broken by|problem confirming the ssl certificate")


@dataclass(frozen=True)
class PipProgress:
    """How far one `pip install` is. First it fetches all packages, then it unpacks them all."""

    total: int
    fetched: int = 0
    current: str = ""
    is_unpacking: bool = False

    def after(self, line: str) -> PipProgress:
        """What is known after one more line of pip's output."""
        if match := _FETCHING.match(line):
            return replace(self, fetched=min(self.fetched + 1, self.total), current=match["name"])
        if match := _SIZE.match(line):
            return replace(self, current=f"{self.current} ({match['size']})")
        if line.startswith("Ignoring "):  # a requirement for another system or Python
            return replace(self, total=max(self.total - 1, 1))
        if line.startswith("Installing collected packages"):
            return replace(self, is_unpacking=True, fetched=self.total, current="")
        return self

    def fraction(self, unpacked: int) -> float:
        """0..1, with `unpacked` packages in place. Fetching and unpacking take about as long as each other."""
        return (min(unpacked, self.total) + self.fetched) / (2 * self.total)

    def words(self, unpacked: int) -> str:
        if self.is_unpacking:
            return f"unpacked {min(unpacked, self.total)} of {self.total}"
        return f"fetched {self.fetched} of {self.total}: {self.current}"


def complaint(output: str) -> str:
    """Why pip failed, in its own words: its last errors, or its last line where it names none.

    pip says "No matching distribution" for what an index lacks and for an index that it cannot reach: the second is
    added, from the warnings before.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    unreached = ["the package index could not be reached"] if _UNREACHED.search(output) else []
    return "; ".join([*(errors[-2:] or lines[-1:]), *unreached])


def is_unknown_to_the_index(output: str) -> bool:
    """Whether pip found no such package, in the version that was asked for."""
    return "No matching distribution found" in output
