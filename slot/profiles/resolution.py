"""Several files, one profile: what a profile extends is filled in, and everything that is wrong is told at once.

A profile extends at most one other, which may extend a third. A value of the profile itself counts before that of
the one it extends, with three exceptions:

    NAME, EXTENDS           belong to the file
    STATUS, STATUS_REASON   are a judgement about one configuration: a variant has to earn its own
    KEY= (nothing)          takes back what was inherited; for keys of ours only, the engine may want an empty variable
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slot.profiles import agreement, keys, rules
from slot.profiles.dotenv_file import Assignment, parse
from slot.profiles.problems import Problem, ProfileError, quoted
from slot.profiles.profile import Profile, Value

NOT_INHERITED = frozenset(
    {"MODEL_SLOT_NAME", "MODEL_SLOT_EXTENDS", "MODEL_SLOT_STATUS", "MODEL_SLOT_STATUS_REASON"},
)


@dataclass(frozen=True)
class ProfileFile:
    """One file of a lineage, read but not judged. `name` is the profile's, for the origin of its values."""

    name: str
    path: Path
    assignments: tuple[Assignment, ...]
    problems: tuple[Problem, ...]

    def find(self, key: str) -> Assignment | None:
        return next((assignment for assignment in self.assignments if assignment.key == key), None)

    def values(self) -> dict[str, Value]:
        return {item.key: Value(item.value, str(self.path), item.line, self.name) for item in self.assignments}


def read(path: Path) -> ProfileFile:
    """The file at `path`, named like its file. Raises OSError."""
    return of_text(path.read_bytes(), path)


def of_text(data: bytes, path: Path) -> ProfileFile:
    """What stands, or would stand, at `path`."""
    parsed = parse(data, str(path))
    return ProfileFile(path.name.removesuffix(".env"), path, parsed.assignments, parsed.problems)


def resolve(lineage: Sequence[ProfileFile], problems: Sequence[Problem] = ()) -> Profile:
    """The profile of the first file of `lineage`; the others are what it extends, nearest first.

    `problems` are those that were met on the way to these files. Raises ProfileError with every problem of them all.
    """
    own = lineage[0]
    per_line = [problem for file in lineage for problem in _problems_of_lines(file)]
    found = [*problems, *per_line]
    values = _merge(lineage)
    bad = {(problem.file, problem.line) for problem in found}
    sound = {key: value for key, value in values.items() if (value.file, value.line) not in bad and value.text}
    found += agreement.disagreements(sound)
    is_whole = _is_whole(lineage)
    if is_whole:
        found += _nothing_to_take_back(lineage)
    # what a parent that was not found would have set is not missing; what no parent can set is
    missing = (item for item in agreement.missing(values) if is_whole or item[0] in NOT_INHERITED)
    found += (Problem(str(own.path), None, key, "nothing", expected) for key, expected in missing)
    if found:
        raise ProfileError(found)
    return Profile(own.name, own.path, tuple(file.name for file in lineage), values)


def _is_whole(lineage: Sequence[ProfileFile]) -> bool:
    """Whether all that is extended was found: the last file extends nothing."""
    extends = lineage[-1].find("MODEL_SLOT_EXTENDS")
    return extends is None or not extends.value


def _problems_of_lines(file: ProfileFile) -> Iterator[Problem]:
    yield from file.problems
    yield from filter(None, (rules.problem_of(key, value) for key, value in file.values().items()))
    name = file.find("MODEL_SLOT_NAME")
    if name is None:
        yield Problem(str(file.path), None, "MODEL_SLOT_NAME", "nothing", "the profile's name, which is its file's")
    elif name.value != file.name:
        yield Problem(str(file.path), name.line, name.key, quoted(name.value), f"the name of the file, {file.name}")


def _merge(lineage: Sequence[ProfileFile]) -> dict[str, Value]:
    merged: dict[str, Value] = {}
    for file in reversed(lineage):
        inherited = {key: value for key, value in merged.items() if key not in NOT_INHERITED}
        merged = {**inherited, **file.values()}
    return {key: value for key, value in merged.items() if value.text or not key.startswith(keys.OUR_PREFIXES)}


def _nothing_to_take_back(lineage: Sequence[ProfileFile]) -> Iterator[Problem]:
    for position, file in enumerate(lineage):
        inherited = {item.key for parent in lineage[position + 1 :] for item in parent.assignments} - NOT_INHERITED
        for item in file.assignments:
            if not item.value and item.key.startswith(keys.OUR_PREFIXES) and item.key not in inherited:
                expected = "a value: an empty one only takes back what an extended profile sets"
                yield Problem(str(file.path), item.line, item.key, "an empty value", expected)
