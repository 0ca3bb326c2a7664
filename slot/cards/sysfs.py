"""The cards of this host, as the kernel's files show them. Nothing here touches a card: it can be read when one hangs.

Source: the kernel's documentation of xe (`gpu_health` from 7.3 on, `survivability_mode`, devcoredump) and pciids of
Battlemage-G31, 8086:e2xx. The card's own link reads 2.5 GT/s x1, a quirk of this family; true is the link of the bridge
on the card, 8086:e2ff, to the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SYS = Path("/sys")
DRIVER = "xe"

_VENDOR = "0x8086"
_FAMILY = "0xe2"
_DISPLAY_CLASS = "0x03"
_BRIDGE = "0xe2ff"


@dataclass(frozen=True)
class Card:
    """One card. `bdf` is its PCI address, `node` the name of its render node, such as renderD128; None: not there.

    `gpu_health` is the kernel's own word (ok, warning, critical), None where it has none; `has_coredump`: a hang was
    kept for reading; `is_survivability`: its firmware must be flashed anew; `link` is the one to the host.
    """

    bdf: str
    node: str | None
    pci_id: str
    driver: str | None
    gpu_health: str | None = None
    has_coredump: bool = False
    is_survivability: bool = False
    link: str | None = None

    def __str__(self) -> str:
        words = [f"{self.bdf} {self.pci_id}", f"driver {self.driver}" if self.driver else "no driver"]
        words += [f"link {self.link}"] if self.link else []
        words += [f"health {self.gpu_health}"] if self.gpu_health else []
        words += ["a coredump is kept"] if self.has_coredump else []
        words += ["firmware must be flashed (survivability mode)"] if self.is_survivability else []
        return ", ".join(words)


def cards(sys_dir: Path = SYS) -> tuple[Card, ...]:
    """All of them, by PCI address: the order in which Level Zero counts them when it is told to (see `question`)."""
    try:
        devices = sorted((sys_dir / "bus/pci/devices").iterdir())
    except FileNotFoundError:
        return ()
    return tuple(_card(device) for device in devices if _is_ours(device))


def coredump_of(bdf: str, sys_dir: Path = SYS) -> Path:
    """Where the kernel keeps the first hang of a card, if there was one."""
    return sys_dir / "bus/pci/devices" / bdf / "devcoredump/data"


def _is_ours(device: Path) -> bool:
    return (
        _read(device / "vendor") == _VENDOR
        and (_read(device / "device") or "").startswith(_FAMILY)
        and (_read(device / "class") or "").startswith(_DISPLAY_CLASS)
    )


def _card(device: Path) -> Card:
    nodes = sorted(path.name for path in (device / "drm").glob("renderD*"))
    driver = device / "driver"
    return Card(
        bdf=device.name,
        node=nodes[0] if nodes else None,
        pci_id=f"{_VENDOR[2:]}:{(_read(device / 'device') or '')[2:]}",
        driver=driver.resolve().name if driver.exists() else None,
        gpu_health=_read(device / "gpu_health"),
        has_coredump=(device / "devcoredump").exists(),
        is_survivability=(device / "survivability_mode").exists(),
        link=_host_link(device),
    )


def _host_link(device: Path) -> str | None:
    for above in device.resolve().parents:
        if _read(above / "device") == _BRIDGE:
            return f"{_read(above / 'current_link_speed')} x{_read(above / 'current_link_width')}"
    return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:  # the file is not there, or the driver refuses to say it
        return None
