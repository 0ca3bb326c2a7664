"""A request's head as a value: what the parser made of the bytes before the body. It decides nothing."""

from __future__ import annotations

from collections.abc import KeysView
from dataclasses import dataclass, field

Fields = list[tuple[bytes, bytes]]


@dataclass(slots=True, eq=False)
class Head:
    """`fields` are (name in lower case, value) in the order of arrival, several of one name included.

    `path` and `query` (with its `?`) are the target as it came, nothing decoded; `version` is as
    the client named it, `minor` the one that it is answered in: 0 or 1.
    """

    method: str = ""
    target: str = ""
    path: str = ""
    query: str = ""
    minor: int = 1
    version: str = "1.1"
    fields: Fields = field(default_factory=list)
    keep_alive: bool = True
    # by name, the first value of each
    _first: dict[bytes, bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._first = dict(reversed(self.fields))

    def get(self, name: bytes) -> bytes | None:
        """The first value of a header; `name` in lower case."""
        return self._first.get(name)

    def names(self) -> KeysView[bytes]:
        """Every name once, in lower case."""
        return self._first.keys()

    def values(self, name: bytes) -> list[bytes]:
        """Every value of a header, in order; `name` in lower case."""
        return [value for found, value in self.fields if found == name]
