"""The profiles of a directory, and the one that is active: reading, inheriting, and writing the resolved form.

The active profile is a file of the same format with nothing left to look up (`flatten`), so that neither the supervisor
nor the frontdoor depends on the catalog it came from.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from slot.profiles import dotenv_file, keys
from slot.profiles.problems import Problem, UnknownProfile, nearest, quoted
from slot.profiles.profile import Profile
from slot.profiles.resolution import ProfileFile, read, resolve

SUFFIX = ".env"


class Catalog:
    """The profiles in one directory, `NAME.env` each."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __repr__(self) -> str:
        return f"<Catalog {self.directory}>"

    def names(self) -> list[str]:
        """The name of every profile, bases included, sorted. Raises OSError where there is no such directory."""
        return _names_in(self.directory)

    def load(self, name: str) -> Profile:
        """Raises UnknownProfile, ProfileError, OSError."""
        # A name that is no profile's name never becomes a path: it may hold a slash.
        if not keys.PROFILE_NAME.fullmatch(name) or not self._path(name).is_file():
            raise UnknownProfile(name, self.names())
        return self.load_file(self._path(name))

    def load_file(self, path: Path) -> Profile:
        """The profile at `path`; what it extends is looked for beside it. Raises ProfileError, OSError."""
        lineage, problems = _lineage(read(path))
        return resolve(lineage, problems)

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}{SUFFIX}"


def flatten(profile: Profile) -> str:
    """The profile as a file with nothing to look up; `load_active` gives back the same values and the same sha256."""
    header = f"# profile: {profile.name}\n# sha256: {profile.sha256}\n"
    lines = (
        dotenv_file.write(key, value.text)
        for key, value in sorted(profile.values.items(), key=_as_read)
        if key != "MODEL_SLOT_EXTENDS"
    )
    return header + "".join(f"{line}\n" for line in lines)


def load_active(path: Path) -> Profile:
    """The active profile: any file name, and nothing extended. Raises ProfileError, OSError (no file: none active)."""
    file = read(path)
    name, extends = file.find("MODEL_SLOT_NAME"), file.find("MODEL_SLOT_EXTENDS")
    problems = []
    if extends:
        expected = "a flattened profile, as slotctl writes it"
        problems.append(Problem(str(path), extends.line, extends.key, quoted(extends.value), expected))
    # Its file is named current.env or the like: the name that counts is the one inside.
    return resolve([replace(file, name=name.value) if name else file], problems)


def _names_in(directory: Path) -> list[str]:
    files = (path for path in directory.iterdir() if path.name.endswith(SUFFIX) and path.is_file())
    stems = (path.name.removesuffix(SUFFIX) for path in files)
    return sorted(stem for stem in stems if keys.PROFILE_NAME.fullmatch(stem))


def _lineage(own: ProfileFile) -> tuple[list[ProfileFile], list[Problem]]:
    """The file and what it extends, nearest first, as far as it can be found; and why it went no further."""
    lineage = [own]
    while extends := lineage[-1].find("MODEL_SLOT_EXTENDS"):
        child, parent = lineage[-1], own.path.parent / f"{extends.value}{SUFFIX}"
        if not keys.PROFILE_NAME.fullmatch(extends.value):
            break  # reported as a bad value
        if any(file.name == extends.value for file in lineage):
            found, hint = f"a circle: {' -> '.join(file.name for file in lineage)} -> {extends.value}", None
        elif not parent.is_file():
            close = nearest(extends.value, _names_in(own.path.parent))
            found, hint = quoted(extends.value), f"did you mean {close}?" if close else None
        else:
            lineage.append(read(parent))
            continue
        return lineage, [Problem(str(child.path), extends.line, extends.key, found, "a profile beside this one", hint)]
    return lineage, []


def _as_read(item: tuple[str, object]) -> tuple[int, str]:
    """Our own prefixes first, in the order of a profile; the engine's variables last."""
    key = item[0]
    order = [key.startswith(prefix) for prefix in keys.OUR_PREFIXES]
    return order.index(True) if any(order) else len(order), key
