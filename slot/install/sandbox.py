"""What of this host the sandbox of a unit must show, although it hides the rest.

The units hide /home, /root and /tmp, and make everything else read-only. That is right for a program in /opt with its
weights on a disk of their own. Whatever lies elsewhere is named here, and nothing beside it:

    1. programs (a checkout or a venv in a home, and the Python that it is made of)  -> shown, read-only
    2. engines and weights that a profile names in such a place                      -> shown, read-only
    3. caches that a profile names                                                   -> writable
    4. the home of a login user as whom the slot runs                                -> shown; its caches writable

A path that is not there when the unit starts is left out by systemd (the `-`): not every profile's disk is mounted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from slot.profiles.profile import Profile

HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
_HIDDEN = (*HOMES, Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - PrivateTmp= hides them
# where engine, compilers and drivers keep their caches in a home, whatever the profile says
_CACHES_OF_A_HOME = (".cache", ".triton", ".config/vllm")


@dataclass(frozen=True)
class Sandbox:
    """Directories. `shown` are those that are hidden otherwise, `writable` those that are read-only otherwise."""

    shown: tuple[Path, ...]
    writable: tuple[Path, ...]

    def lines(self) -> list[str]:
        """The directives of a [Service] section."""
        # tmpfs, not yes: nothing can be shown in a directory that nobody may enter
        lines = ["ProtectHome=tmpfs"] if any(is_below(HOMES, path) for path in (*self.shown, *self.writable)) else []
        lines += [f"BindReadOnlyPaths={_word(path)}" for path in self.shown]
        return lines + [
            f"BindPaths={_word(path)}" if is_below(_HIDDEN, path) else f"ReadWritePaths={_word(path)}"
            for path in self.writable
        ]


def _word(path: Path) -> str:
    """A path as one word of a directive, which may be missing. Quoted, a colon does not begin the place to show it at.

    Source: systemd.syntax(7), systemd.exec(5), systemd.unit(5) for the `%`; tried with systemd 252.
    """
    text = "-" + str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if re.search(r"[\s:\"'\\]", text) else text


def for_programs(programs: Iterable[Path]) -> Sandbox:
    return Sandbox(_without_nested(path for path in programs if is_below(_HIDDEN, path)), ())  # 1


def for_engine(
    programs: Iterable[Path], catalog: Sequence[Profile], data_dir: Path, home: Path, *, is_login: bool
) -> Sandbox:
    """`home`: what `~/` in a profile stands for; `is_login`: it belongs to a person (4)."""
    needed = [*programs, *(place for profile in catalog for place in _read_by(profile, data_dir, home))]  # 1, 2
    caches = [_made_by_the_engine(cache) for profile in catalog for cache in _caches_of(profile)]  # 3
    if is_login:  # 4
        needed.append(home)
        caches += [home / cache for cache in _CACHES_OF_A_HOME]
    writable = _without_nested(cache for cache in caches if not is_below((data_dir,), cache))
    return Sandbox(for_programs(needed).shown, writable)


def engines_of(catalog: Iterable[Profile], data_dir: Path, home: Path) -> tuple[Path, ...]:
    """The venvs of the engines that the profiles name."""
    return tuple(sorted({_place(profile.venv, data_dir, home) for profile in catalog if profile.venv}))


def is_below(places: Iterable[Path], path: Path) -> bool:
    return any(path == place or place in path.parents for place in places)


def _read_by(profile: Profile, data_dir: Path, home: Path) -> list[Path]:
    return [_place(text, data_dir, home) for text in (profile.venv, profile.model_dir) if text]


def _place(text: str, data_dir: Path, home: Path) -> Path:
    return home / text.removeprefix("~/") if text.startswith("~/") else data_dir / text


def _caches_of(profile: Profile) -> list[Path]:
    return [
        Path(value.text)
        for key, value in profile.engine_environment().items()
        if ("CACHE" in key or key == "HF_HOME") and value.text.startswith("/")
    ]


def _made_by_the_engine(cache: Path) -> Path:
    """The engine makes it at its first start, so the directory around it counts, unless that is too much."""
    around = cache.parent
    return cache if len(around.parts) < 3 or around.parent in HOMES else around


def _without_nested(paths: Iterable[Path]) -> tuple[Path, ...]:
    every = set(paths)
    return tuple(sorted(path for path in every if not every & set(path.parents)))
