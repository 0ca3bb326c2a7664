"""Who holds memory of the cards? By the kernel's own books, so that a card is neither asked nor needed.

Each open file of a card is a client with numbers of its own in `/proc/PID/fdinfo`; a client that several processes
share (after a fork) is counted once, for the first of them. Root sees everybody, others see their own processes.

Source: the kernel's documentation of drm-usage-stats: drm-driver, drm-pdev, drm-client-id, drm-resident-vramN.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slot.cards.swept import MemoryHeld
from slot.cards.sysfs import DRIVER
from slot.cards.unit_processes import name_of

PROC = Path("/proc")

OURS_BYTES = 64 * 1024**2
"""A process of the slot's user that holds more than this is what is left of an engine: a probe holds less."""

MUCH_BYTES = 1024**3
"""Anybody who holds more than this is in the way of a model. A desktop holds less and may stay."""

_RESIDENT = re.compile(r"^drm-resident-vram\d+:\s*(\d+)\s*(KiB|MiB|)\s*$", re.MULTILINE)
_FIELD = re.compile(r"^(drm-driver|drm-pdev|drm-client-id):\s*(\S+)", re.MULTILINE)
_UNIT = {"": 1, "KiB": 1024, "MiB": 1024**2}


@dataclass(frozen=True)
class Client:
    """One client of a card, by one file of a process."""

    bdf: str
    number: str
    resident_bytes: int


@dataclass(frozen=True)
class Holder:
    """A process and what it holds of the card at `bdf`."""

    pid: int
    uid: int
    command: str
    bdf: str
    resident_bytes: int

    def __str__(self) -> str:
        return str(self.held)

    @property
    def held(self) -> MemoryHeld:
        """For the sweep's record, and for people."""
        return MemoryHeld(bdf=self.bdf, pid=self.pid, command=self.command, bytes=self.resident_bytes)


def client_in(fdinfo: str) -> Client | None:
    """What the text of one fdinfo file says; None: it is not of a card of ours."""
    said = dict(_FIELD.findall(fdinfo))
    if said.get("drm-driver") != DRIVER or "drm-pdev" not in said or "drm-client-id" not in said:
        return None
    resident = sum(int(number) * _UNIT[unit] for number, unit in _RESIDENT.findall(fdinfo))
    return Client(said["drm-pdev"], said["drm-client-id"], resident)


def holders(proc: Path = PROC) -> tuple[Holder, ...]:
    """Every process with a card open, one entry for each of its cards, also with 0 bytes."""
    counted: set[tuple[str, str]] = set()
    found: list[Holder] = []
    for process in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        by_card: dict[str, int] = {}
        for client in _clients(process):
            if (client.bdf, client.number) not in counted:
                counted.add((client.bdf, client.number))
                by_card[client.bdf] = by_card.get(client.bdf, 0) + client.resident_bytes
        found += [_holder(process, bdf, held) for bdf, held in sorted(by_card.items())]
    return tuple(found)


def in_the_way(found: Sequence[Holder], slot_uid: int) -> tuple[Holder, ...]:
    """Those that must go before a model is loaded: what is left of an engine, and whoever holds much."""
    return tuple(each for each in found if each.resident_bytes > (OURS_BYTES if each.uid == slot_uid else MUCH_BYTES))


def _clients(process: Path) -> Iterator[Client]:
    try:
        files = list((process / "fd").iterdir())
    except OSError:
        return  # not ours to look into, or gone meanwhile
    for file in files:
        try:
            # most files are of something else, and reading what the kernel says of each takes long
            if not os.readlink(file).startswith("/dev/dri/"):
                continue
            client = client_in((process / "fdinfo" / file.name).read_text())
        except OSError:
            continue  # closed meanwhile
        if client is not None:
            yield client


def _holder(process: Path, bdf: str, held: int) -> Holder:
    pid = int(process.name)
    try:
        uid = process.stat().st_uid
    except OSError:
        uid = 0  # gone meanwhile
    return Holder(pid, uid, name_of(process), bdf, held)
