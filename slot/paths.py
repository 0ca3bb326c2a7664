"""Where the slot keeps its things: decided once, from the environment, by whoever has a `main()`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE_DIR = Path(__file__).parent
# where the unit's frontdoor takes commands
UNITS_CONTROL_SOCKET = Path("/run/b70-openai-frontdoor/control.sock")
UNITS_RUN_DIR = Path("/run/b70-vllm-slot")
UNITS_DATA_DIR = Path("/var/lib/b70-vllm-slot")
# the switch unit's own, root's: a slot's user must not write what root believes
UNITS_SWITCH_DIR = Path("/var/lib/b70-slot-switch")
UNITS_SWITCH_RUN_DIR = Path("/run/b70-slot-switch")


@dataclass(frozen=True)
class Paths:
    """Where the slot keeps its things. `run_dir` dies with the boot, `data_dir` stays."""

    run_dir: Path
    data_dir: Path
    catalog_dir: Path
    active_profile: Path
    own_switch_dir: Path | None = None
    own_switch_run_dir: Path | None = None

    @property
    def state_file(self) -> Path:
        return self.run_dir / "state.json"

    @property
    def lock_file(self) -> Path:
        return self.run_dir / "supervisor.lock"

    @property
    def loads_file(self) -> Path:
        return self.data_dir / "loads.jsonl"

    @property
    def incidents_dir(self) -> Path:
        return self.data_dir / "incidents"

    @property
    def swept_file(self) -> Path:
        """What the sweep after the last stop found."""
        return self.run_dir / "swept.json"

    @property
    def switch_dir(self) -> Path:
        """What a switch keeps: its journal, its history, what served last, who cools down."""
        return self.own_switch_dir or self.data_dir / "switch"

    @property
    def switch_run_dir(self) -> Path:
        """The switch's lock, and how far it is."""
        return self.own_switch_run_dir or self.run_dir / "switch"


def shipped(path: str, package_dir: Path = PACKAGE_DIR) -> Path:
    """A file or directory that comes with us: in a checkout at `path`, in an installed wheel below `slot/share`."""
    in_checkout = package_dir.parent / path
    return in_checkout if in_checkout.exists() else package_dir / "share" / in_checkout.name


def locate(environment: Mapping[str, str], *, uid: int, home: Path, prefix: Path) -> Paths:
    """Where things are, from the environment (`SLOT_*`), for a checkout, for the system (uid 0) or for one user.

    `SLOT_RUN_DIR`, `SLOT_DATA_DIR`, `SLOT_CATALOG_DIR`, `SLOT_ACTIVE_PROFILE`, `SLOT_SWITCH_DIR` and
    `SLOT_SWITCH_RUN_DIR` each win over the default. By default:

    1. From a checkout's own venv (`prefix` is its `.venv`) all is in the checkout's `.slot-data`, also for root.
    2. The system's places are those of the units.
    3. A user's follow the XDG base directory specification.

    A slot with a run directory of its own keeps its active profile there: a second slot must not change what the first
    one serves.
    """
    checkout = PACKAGE_DIR.parent
    if prefix.resolve() == (checkout / ".venv").resolve():  # 1
        own = checkout / ".slot-data"
        environment = {"SLOT_DATA_DIR": str(own), "SLOT_RUN_DIR": str(own / "run"), **_said(environment)}
    as_system = uid == 0  # 2
    run_home = environment.get("XDG_RUNTIME_DIR")
    user_run = Path(run_home) / "b70-vllm-slot" if run_home else Path(f"/tmp/b70-vllm-slot-{uid}")  # noqa: S108
    data_home = environment.get("XDG_DATA_HOME")
    user_data = Path(data_home) if data_home else home / ".local/share"
    run_dir = environment.get("SLOT_RUN_DIR") or (UNITS_RUN_DIR if as_system else user_run)
    data_dir = environment.get("SLOT_DATA_DIR") or (UNITS_DATA_DIR if as_system else user_data / "b70-vllm-slot")
    catalog_dir = environment.get("SLOT_CATALOG_DIR") or shipped("configs/model-slots")
    active = environment.get("SLOT_ACTIVE_PROFILE") or (
        Path("/etc/b70-vllm-slot/current.env")
        if as_system and not environment.get("SLOT_RUN_DIR")
        else Path(run_dir) / "current.env"
    )
    # the switch's are the units' exactly where the slot's are, however they were said
    switch_dir = environment.get("SLOT_SWITCH_DIR") or (UNITS_SWITCH_DIR if Path(data_dir) == UNITS_DATA_DIR else None)
    switch_run_dir = environment.get("SLOT_SWITCH_RUN_DIR") or (
        UNITS_SWITCH_RUN_DIR if Path(run_dir) == UNITS_RUN_DIR else None
    )
    return Paths(
        Path(run_dir),
        Path(data_dir),
        Path(catalog_dir),
        Path(active),
        Path(switch_dir) if switch_dir else None,
        Path(switch_run_dir) if switch_run_dir else None,
    )


def _said(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the variables that are set to nothing: those say nothing."""
    return {name: value for name, value in environment.items() if value}
