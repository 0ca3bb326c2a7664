"""Where on a host what `slotctl install` writes lies, and how it is called there."""

from __future__ import annotations

from pathlib import Path

from slot import units

UNIT_DIR = Path("/etc/systemd/system")
SETTINGS_DIR = Path("/etc/b70-vllm-slot")
ACTIVE_PROFILE = SETTINGS_DIR / "current.env"
RECORD = SETTINGS_DIR / "installed.json"
POLKIT_RULE = Path("/etc/polkit-1/rules.d/50-b70-model-slot.rules")
SYSUSERS = Path("/etc/sysusers.d/b70-model-slot.conf")
COMMAND_DIR = Path("/usr/local/bin")
COMMANDS = ("slotctl", "frontdoor", "switch-vllm-model-slot")

SERVICES = (units.SLOT, units.DOOR, units.SWITCH_TEMPLATE)
UNITS = (*SERVICES, units.SOCKET)
# what is enabled and started; a switch is started by whoever wants one
STANDING = (units.SLOT, units.DOOR, units.SOCKET)

SLOT_USER = "b70-slot"
DATA_DIR = Path("/var/lib/b70-vllm-slot")
# what is kept of failures: the operators read it as well
INCIDENTS_DIR = DATA_DIR / "incidents"
SWITCH_DIR = Path("/var/lib/b70-slot-switch")
# what the units keep after their end, on purpose
RUN_DIRS = (Path("/run/b70-vllm-slot"), Path("/run/b70-slot-switch"))
DEFAULT_PORT = 8000
# the directory of the programs in the units as they are shipped
SHIPPED_BIN_DIR = "/opt/b70-model-slot/bin"


def unit_file(unit: str) -> Path:
    return UNIT_DIR / unit


def drop_in(unit: str, name: str = "10-host.conf") -> Path:
    return UNIT_DIR / f"{unit}.d" / name
