"""What an installation shall be, what was found on the host, and the single deeds that lead from one to the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from slot.install.places import DEFAULT_PORT, SLOT_USER
from slot.install.sandbox import Sandbox

RECORD_VERSION = 1


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What was installed, and how: `upgrade` keeps to it, `uninstall` takes away what it names.

    `directories` are those that were made for it; they are removed when nothing of anybody else's is in them.
    """

    version: int = RECORD_VERSION
    user: str = SLOT_USER
    port: int = DEFAULT_PORT
    simulate: bool = False
    catalog_dir: str | None = None
    files: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """`unit_texts` are the units as shipped, by name; `commands` are those programs in `bin_dir` that are for people.

    `changed_at`: when that program was last changed on the disk, in seconds since the epoch.
    `catalog_dir` None is the catalog that comes with us; `active_profile` is the flattened profile to be active,
    and None leaves that as it is.
    """

    unit_texts: Mapping[str, str]
    bin_dir: Path
    commands: tuple[str, ...]
    changed_at: float
    programs: Sandbox
    engine: Sandbox
    active_profile: str | None
    catalog_dir: Path | None
    user: str
    home: Path
    port: int
    simulate: bool
    enable: bool = False
    start: bool = False


@dataclass(frozen=True)
class World:
    """What is there. `files`: text by path, of all that we would write or have written; what is not there is not in it.

    `enabled`, `active`, `started`: names of units; one that starts or stops is active and not started.
    `accounts`: users and groups. `door_began_at`: when the frontdoor's process began, in seconds since the epoch; None:
    none runs, or nobody knows.
    """

    files: Mapping[Path, str]
    directories: frozenset[Path]
    enabled: frozenset[str]
    active: frozenset[str]
    started: frozenset[str]
    accounts: frozenset[str]
    systemd_version: int
    has_polkit: bool
    record: Record | None = None
    door_began_at: float | None = None


@dataclass(frozen=True)
class MakeDirectory:
    """Root's, or `owner`'s and of `group`; unless `mode` says otherwise everybody may look into it."""

    path: Path
    owner: str | None = None
    group: str | None = None
    mode: int = 0o755

    def __str__(self) -> str:
        return f"make {self.path}/"


@dataclass(frozen=True)
class WriteFile:
    path: Path
    text: str
    mode: int = 0o644

    def __str__(self) -> str:
        return f"write {self.path}"


@dataclass(frozen=True)
class RemoveFile:
    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}"


@dataclass(frozen=True)
class RemoveDirectory:
    """Only if it is empty: what somebody else put there stays."""

    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}/ if it is empty"


@dataclass(frozen=True)
class RemoveTree:
    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}/ with all that is in it"


@dataclass(frozen=True)
class Systemctl:
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"systemctl {' '.join(self.words)}"


@dataclass(frozen=True)
class Run:
    """Another program, to its end."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.words)


Operation = MakeDirectory | WriteFile | RemoveFile | RemoveDirectory | RemoveTree | Systemctl | Run
