"""What is kept of a failure: a directory of its own, for whoever looks at it in the morning.

    incidents/20261121T101500Z-wedged/
        incident.json   what it was (`failure`), and the slot's snapshot at that moment (`state`)
        engine.log      the engine's last lines
        stacks.txt      where its processes stood, if they still lived
        metrics.txt     its last /metrics, if it still answered
        kernel.log      the kernel's lines, if they could be read

A file that would be empty is not written. The directory appears whole or not at all; then old ones go (`retention`).
Nothing of the environment is in here, and of requests only what the engine itself put into its log.
"""

from __future__ import annotations

import contextlib
import grp
import os
import re
import shutil
import time
from calendar import timegm
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from slot.bad_json import BAD_JSON
from slot.failures import retention
from slot.failures.retention import Entry
from slot.state import Failure, SlotState
from slot.units import OPERATORS

FORMAT_VERSION = 1
MOST_BYTES_OF_A_FILE = 4 * 1024 * 1024

_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"(?P<stamp>\d{8}T\d{6}Z)-[a-z0-9-]+")


@dataclass(frozen=True)
class Evidence:
    """What was found. `name`: the failure's, or a word for what was done, of small letters, digits and `-`."""

    name: str
    failure: Failure | None = None
    state: SlotState | None = None
    engine_lines: Sequence[str] = ()
    stacks: str = ""
    metrics: str = ""
    kernel_lines: Sequence[str] = ()


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """`incident.json`. `at` is seconds since the epoch."""

    version: int = FORMAT_VERSION
    name: str
    at: float
    failure: Failure | None = None
    state: SlotState | None = None


def write(directory: Path, found: Evidence, now: float) -> Path:
    """Keeps `found` below `directory`, which is made if need be, and returns where. Raises OSError.

    `now` is seconds since the epoch. The operators' group may read it, if the caller may give it to them. To be called
    as the user who owns the directory: root must not write where the engine's user could lay links.
    """
    if not directory.exists():
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        _share(directory)
    name = f"{time.strftime(_STAMP, time.gmtime(now))}-{found.name}"
    half_done = directory / f".{name}.{os.getpid()}"
    try:
        half_done.mkdir(mode=0o750)
        for file, text in _files(found, now).items():
            _write(half_done / file, text)
        _share(half_done)
        place = _move(half_done, directory / name)
    finally:
        shutil.rmtree(half_done, ignore_errors=True)
    with contextlib.suppress(OSError):  # what cannot go now goes with the next one
        for each in retention.to_remove(entries(directory), now):
            shutil.rmtree(directory / each, ignore_errors=True)
    return place


def entries(directory: Path) -> list[Entry]:
    """All incidents there, in no order. What is no incident is passed over. Raises OSError."""
    return [
        Entry(path.name, _at(path.name), sum(file.stat().st_size for file in path.iterdir()))
        for path in _incidents(directory)
    ]


def read(place: Path) -> Record | None:
    """What an incident was; None where that cannot be read any more."""
    try:
        return msgspec.json.decode((place / "incident.json").read_bytes(), type=Record)
    except (OSError, *BAD_JSON):
        return None


def _files(found: Evidence, now: float) -> dict[str, bytes]:
    record = Record(name=found.name, at=now, failure=found.failure, state=found.state)
    texts = {
        "engine.log": "\n".join(found.engine_lines),
        "stacks.txt": found.stacks,
        "metrics.txt": found.metrics,
        "kernel.log": "\n".join(found.kernel_lines),
    }
    said = {name: text.encode(errors="replace")[-MOST_BYTES_OF_A_FILE:] for name, text in texts.items() if text}
    return {"incident.json": msgspec.json.format(msgspec.json.encode(record)), **said}


def _write(path: Path, text: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb") as file:
        file.write(text.rstrip(b"\n") + b"\n")


def _share(directory: Path) -> None:
    # nobody but root and its members may give a file to a group; without it, root alone reads
    with contextlib.suppress(KeyError, PermissionError):
        group = grp.getgrnam(OPERATORS).gr_gid
        for path in (*directory.iterdir(), directory):
            os.chown(path, -1, group, follow_symlinks=False)


def _move(half_done: Path, place: Path) -> Path:
    """A second one of that name in one second gets a number: an incident is never written over."""
    free = place
    for number in range(2, 100):
        if not free.exists():
            break
        free = place.with_name(f"{place.name}-{number}")
    return half_done.rename(free)


def _incidents(directory: Path) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError):
        yield from (path for path in directory.iterdir() if _NAME.fullmatch(path.name))


def _at(name: str) -> float:
    return float(timegm(time.strptime(name.partition("-")[0], _STAMP)))
