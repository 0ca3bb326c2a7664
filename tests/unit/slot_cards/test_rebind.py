"""Rebinding on a tree of files that looks like sysfs, with a modprobe that plays the kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from slot.cards.rebind import NotRebound, rebind
from slot.cards.sysfs import Card, cards

BDFS = ("0000:03:00.0", "0000:07:00.0")


class Tree:
    """Two cards at their driver. What is written into its files stays there to be read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.driver = root / "bus/pci/drivers/xe"
        self.driver.mkdir(parents=True)
        for bdf in BDFS:
            device = root / "bus/pci/devices" / bdf
            device.mkdir(parents=True)
            for name, text in {"vendor": "0x8086", "device": "0xe223", "class": "0x030000"}.items():
                (device / name).write_text(text)
            (device / "driver").symlink_to(self.driver)

    @property
    def cards(self) -> tuple[Card, ...]:
        return cards(self.root)

    def modprobe(self, script: str) -> str:
        program = self.root / "modprobe"
        program.write_text(f'#!/bin/sh\necho "$@" >> {self.root}/said\n{script}\n')
        program.chmod(0o755)
        return str(program)

    def said(self) -> list[str]:
        return (self.root / "said").read_text().splitlines()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_all_are_unbound_and_the_driver_is_loaded_anew(tree: Tree) -> None:
    assert rebind(tree.cards, sys_dir=tree.root, modprobe=tree.modprobe("exit 0")) == (
        "2 cards unbound, the driver reloaded"
    )
    assert tree.said() == ["-r xe", "xe"]
    assert (tree.driver / "unbind").read_text() == BDFS[1]  # in the end; a file of the kernel's is read at each write


def test_a_driver_that_stays_is_bound_anew(tree: Tree) -> None:
    said = rebind(tree.cards, sys_dir=tree.root, modprobe=tree.modprobe("echo xe is in use >&2; exit 1"))
    assert said == "2 cards unbound and bound; the driver itself could not be reloaded"
    assert (tree.driver / "bind").read_text() == BDFS[1]


def test_a_card_that_does_not_come_back_is_named(tree: Tree) -> None:
    found = tree.cards
    lose = f"rm -f {tree.root}/bus/pci/devices/{BDFS[0]}/driver"
    with pytest.raises(NotRebound, match=f"without its driver since then: {BDFS[0]}"):
        rebind(found, sys_dir=tree.root, modprobe=tree.modprobe(lose), back_s=0.1)


def test_a_kernel_that_refuses_is_quoted(tree: Tree) -> None:
    (tree.driver / "unbind").mkdir()
    with pytest.raises(NotRebound, match=rf"{BDFS[0]} .*/unbind: .*directory"):
        rebind(tree.cards, sys_dir=tree.root, modprobe=tree.modprobe("exit 0"))


def test_no_modprobe(tree: Tree) -> None:
    assert "could not be reloaded" in rebind(tree.cards, sys_dir=tree.root, modprobe="/nowhere/modprobe")
