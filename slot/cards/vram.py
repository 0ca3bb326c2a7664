"""How much memory each card has, and how much of it processes hold now: by the kernel's books, without asking a card.

What the kernel does not say, or not to this user, is None. The size is the physical one: the driver keeps a little of
it for itself, and what it keeps is nobody's to hold.

Source: xe's `tileN/physical_vram_size_bytes`, as igt-gpu-tools' `xe_sysfs_tile` reads it; `holders` for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from slot.cards.holders import Holder
from slot.cards.sysfs import SYS, Card


@dataclass(frozen=True)
class CardMemory:
    """Of the card at the PCI address `bdf`."""

    bdf: str
    size_bytes: int | None
    held_bytes: int | None


def memory_of(cards: Iterable[Card], holders: Sequence[Holder] | None, sys_dir: Path = SYS) -> tuple[CardMemory, ...]:
    """`holders`: of all processes; None where not all of them can be seen."""
    return tuple(CardMemory(card.bdf, _size(card.bdf, sys_dir), _held(card.bdf, holders)) for card in cards)


def _size(bdf: str, sys_dir: Path) -> int | None:
    files = (sys_dir / "bus/pci/devices" / bdf).glob("tile*/physical_vram_size_bytes")
    try:
        return sum(int(file.read_text()) for file in files) or None
    except (OSError, ValueError):
        return None


def _held(bdf: str, holders: Sequence[Holder] | None) -> int | None:
    return None if holders is None else sum(each.resident_bytes for each in holders if each.bdf == bdf)
