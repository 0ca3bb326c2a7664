"""Takes every card off its driver, loads the driver anew, and gives the cards back to it. A person decides it, as root.

All cards, not only the one that hangs: the driver is one, and it goes only when nobody uses it. So nobody may have a
card open: see `holders`. Each order has a limit, since the kernel may never come back from it; what was ordered then
goes on by itself, and nothing else is tried. The PCI function is never reset: such cards do not come back from it.

Source: drm's wedged devices (rebinding is the first remedy), and operators of such hosts: a wedged card came back with
all cards unbound and xe reloaded. Nobody has tried this code on such cards yet.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from slot.cards.sysfs import DRIVER, SYS, Card, cards

UNBIND_S = 30.0
RELOAD_S = 60.0
BACK_S = 30.0


class NotRebound(Exception):
    """The cards are not all back at their driver; the message says how far it went."""


def rebind(found: Sequence[Card], *, sys_dir: Path = SYS, modprobe: str = "modprobe", back_s: float = BACK_S) -> str:
    """What was done, in words. `found` are the cards that must be back in the end. Raises NotRebound."""
    driver = sys_dir / "bus/pci/drivers" / DRIVER
    for card in found:
        if card.driver == DRIVER:
            _order(["/bin/sh", "-c", 'printf %s "$1" > "$2"', "sh", card.bdf, str(driver / "unbind")], UNBIND_S)
    how = _give_back(found, driver, modprobe)
    deadline = time.monotonic() + back_s
    # the driver says nowhere when it has done: sysfs shows it
    while (missing := _missing(found, sys_dir)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if missing:
        raise NotRebound(f"{how}, and without its driver since then: {', '.join(missing)}")
    return f"{len(found)} cards {how}"


def _give_back(found: Sequence[Card], driver: Path, modprobe: str) -> str:
    try:
        _order([modprobe, "-r", DRIVER], RELOAD_S)
    except NotRebound:  # built into the kernel, or in use by a display: a fresh bind is what is left
        for card in found:
            _order(["/bin/sh", "-c", 'printf %s "$1" > "$2"', "sh", card.bdf, str(driver / "bind")], UNBIND_S)
        return "unbound and bound; the driver itself could not be reloaded"
    _order([modprobe, DRIVER], RELOAD_S)
    return "unbound, the driver reloaded"


def _missing(found: Sequence[Card], sys_dir: Path) -> list[str]:
    bound = {card.bdf for card in cards(sys_dir) if card.driver == DRIVER}
    return [card.bdf for card in found if card.bdf not in bound]


def _order(words: Sequence[str], limit_s: float) -> None:
    said = " ".join(words[4:] if words[0] == "/bin/sh" else words)
    try:
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
    except OSError as exc:
        raise NotRebound(f"{said}: {exc.strerror}") from None
    try:
        _, complaint = child.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        # not killed and not waited for: it stands inside of the kernel
        raise NotRebound(f"{said}: the kernel has not come back from it within {limit_s:g} s") from None
    if child.returncode != 0:
        raise NotRebound(f"{said}: {complaint.strip() or f'exit code {child.returncode}'}")
