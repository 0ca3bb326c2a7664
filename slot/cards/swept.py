"""What the last sweep found: `swept.json`, written by root after every end of the slot, read before the next load.

    {"version": 1, "at": 1795200000.0, "invocation": "the unit's", "terminated": [pid...], "killed": [pid...],
     "left": [{"pid", "command"}], "holders": [{"bdf", "pid", "command", "bytes"}], "waited_s": 3.2,
     "device_fault": {"name", "line", "since"} or null}

A record is of its moment: whoever was named in it may be gone since, so that the pids are looked at again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from slot import plain_file
from slot.atomic_file import write_atomically
from slot.bad_json import BAD_JSON
from slot.process_words import process_words
from slot.state import SlotState

logger = logging.getLogger(__name__)

FORMAT_VERSION = 1
MOST_BYTES = 1024 * 1024


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """A process of the slot that even SIGKILL did not end."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"{process_words(self.command, self.pid)} cannot be ended"


class MemoryHeld(msgspec.Struct, frozen=True, kw_only=True):
    """A process, of whoever, and what it holds of the card at `bdf`. In a record: so much that no model can be loaded
    beside it."""

    bdf: str
    pid: int
    command: str
    bytes: int

    def __str__(self) -> str:
        return f"{process_words(self.command, self.pid)} holds {self.bytes >> 20} MiB of {self.bdf}"


class DeviceFault(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel told of a card while the slot ran, which ended in failure.

    `name` is the signature's, `line` the kernel's; `since` when that slot was started (seconds since the epoch).
    """

    name: str
    line: str
    since: float


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """`at`: seconds since the epoch. `terminated`, `killed` got the signal; `left` and `holders` are in the way."""

    version: int = FORMAT_VERSION
    at: float
    invocation: str
    terminated: tuple[int, ...] = ()
    killed: tuple[int, ...] = ()
    left: tuple[Left, ...] = ()
    holders: tuple[MemoryHeld, ...] = ()
    waited_s: float = 0.0
    device_fault: DeviceFault | None = None

    @property
    def is_clean(self) -> bool:
        return not self.left and not self.holders


def write(path: Path, swept: Swept) -> None:
    """Raises OSError."""
    write_atomically(path, msgspec.json.format(msgspec.json.encode(swept), indent=2) + b"\n")


def read(path: Path) -> Swept | None:
    """The record, None where there is none. One that nobody can read is none: the lock still guards the slot."""
    try:
        return msgspec.json.decode(plain_file.read(path, MOST_BYTES), type=Swept)
    except FileNotFoundError:
        return None
    except (OSError, *BAD_JSON) as exc:
        logger.warning("cannot tell what the last sweep found: %s: %s", path, exc)
        return None


def obstacle(swept: Swept | None, is_alive: Callable[[int], bool]) -> str | None:
    """Who is in the way of a load, in words; None: nobody is known to be."""
    if swept is None:
        return None
    named: tuple[Left | MemoryHeld, ...] = (*swept.left, *swept.holders)
    return "; ".join(str(each) for each in named if is_alive(each.pid)) or None


def unasked(swept: Swept | None, last: SlotState | None) -> DeviceFault | None:
    """The device fault after which the cards were not asked yet. `last`: the last words of the slot before this one.

    1. The kernel told of none: none
    2. That slot saw a device's failure itself: it has asked the cards, and would not be started again otherwise
    3. The kernel alone told of it: nothing may be loaded before the cards have answered
    """
    if swept is None or swept.device_fault is None:
        return None  # 1
    failure = last.failure if last is not None else None
    if failure is not None and failure.kind == "device" and failure.at >= swept.device_fault.since:
        return None  # 2
    return swept.device_fault  # 3


def is_alive(pid: int) -> bool:
    """Also of processes of others, which /proc may hide."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # no process has a number of that size
        return False
    except PermissionError:
        return True
    return True
