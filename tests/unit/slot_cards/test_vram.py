from __future__ import annotations

from pathlib import Path

import pytest

from slot.cards.holders import Holder
from slot.cards.sysfs import Card
from slot.cards.vram import CardMemory, memory_of

ONE, OTHER = "0000:03:00.0", "0000:07:00.0"
CARD = Card(ONE, "renderD128", "8086:e223", "xe")


def tile(sys_dir: Path, number: int, text: str) -> None:
    directory = sys_dir / "bus/pci/devices" / ONE / f"tile{number}"
    directory.mkdir(parents=True)
    (directory / "physical_vram_size_bytes").write_text(text)


@pytest.mark.parametrize(
    ("tiles", "size"),
    [([], None), (["34359738368\n"], 32 * 2**30), (["1\n", "2\n"], 3), (["0\n"], None), (["much\n"], None)],
)
def test_the_size_is_what_the_driver_says_or_not_known(tmp_path: Path, tiles: list[str], size: int | None) -> None:
    for number, text in enumerate(tiles):
        tile(tmp_path, number, text)
    assert memory_of([CARD], (), tmp_path) == (CardMemory(ONE, size, 0),)


def test_what_is_held_is_the_sum_of_all_processes_or_not_known(tmp_path: Path) -> None:
    held = [Holder(pid, 0, "x", bdf, number) for pid, bdf, number in ((1, ONE, 5), (2, ONE, 7), (2, OTHER, 9))]
    assert memory_of([CARD], held, tmp_path) == (CardMemory(ONE, None, 12),)
    assert memory_of([CARD], None, tmp_path) == (CardMemory(ONE, None, None),)
