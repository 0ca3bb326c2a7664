from __future__ import annotations

from pathlib import Path

from slot.cards.sysfs import Card, cards


def device(sys_dir: Path, place: str, pci_id: str, pci_class: str = "0x030000", **files: str) -> Path:
    """A PCI device at `place` below the root port; it appears under its own address."""
    directory = sys_dir / "devices/pci0000:00" / place
    directory.mkdir(parents=True)
    vendor, number = pci_id.split(":")
    for name, text in {"vendor": f"0x{vendor}", "device": f"0x{number}", "class": pci_class, **files}.items():
        (directory / name).write_text(f"{text}\n")
    (sys_dir / "bus/pci/devices").mkdir(parents=True, exist_ok=True)
    (sys_dir / "bus/pci/devices" / directory.name).symlink_to(directory)
    return directory


def test_a_host_without_any(tmp_path: Path) -> None:
    assert cards(tmp_path) == ()


def test_cards(tmp_path: Path) -> None:
    driver = tmp_path / "bus/pci/drivers/xe"
    driver.mkdir(parents=True)
    bridge = "0000:01:00.0"
    device(tmp_path, bridge, "8086:e2ff", "0x060400", current_link_speed="16.0 GT/s PCIe", current_link_width="16")
    well = device(tmp_path, f"{bridge}/0000:07:00.0", "8086:e223", gpu_health="ok")
    (well / "driver").symlink_to(driver)
    (well / "drm/renderD129").mkdir(parents=True)
    (well / "drm/card1").mkdir()
    ill = device(tmp_path, "0000:03:00.0", "8086:e223", survivability_mode="x")
    (ill / "devcoredump").mkdir()
    device(tmp_path, "0000:04:00.0", "8086:e2f7", "0x040300")  # a card's sound
    device(tmp_path, "0000:05:00.0", "8086:7d55")  # the processor's own graphics
    device(tmp_path, "0000:06:00.0", "10de:e223")
    assert cards(tmp_path) == (
        Card("0000:03:00.0", None, "8086:e223", None, None, has_coredump=True, is_survivability=True),
        Card("0000:07:00.0", "renderD129", "8086:e223", "xe", "ok", link="16.0 GT/s PCIe x16"),
    )
    assert [str(card) for card in cards(tmp_path)] == [
        "0000:03:00.0 8086:e223, no driver, a coredump is kept, firmware must be flashed (survivability mode)",
        "0000:07:00.0 8086:e223, driver xe, link 16.0 GT/s PCIe x16, health ok",
    ]
