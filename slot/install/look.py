"""What there is on this host: files, directories, accounts, and what systemd says of the units."""

from __future__ import annotations

import grp
import pwd
import re
import sys
import sysconfig
from pathlib import Path

import msgspec

from slot import units
from slot.bad_json import BAD_JSON
from slot.install import places
from slot.install.ownership import known
from slot.install.wanted import RECORD_VERSION, Record, World
from slot.paths import PACKAGE_DIR

_ACTIVE = ("active", "activating", "reloading", "deactivating")
_STARTED = ("active", "reloading")
_ENABLED = ("enabled", "enabled-runtime")
_POLKIT = (places.POLKIT_RULE.parent, Path("/usr/share/polkit-1/rules.d"))


class UnreadableRecord(Exception):
    """`installed.json` is not what this version of slotctl writes; the words say what is wrong with it."""


def world() -> World:
    """Raises OSError, UnreadableRecord, slot.units.Refusal."""
    record = read_record()
    files = known(record)
    directories = {directory for path in files for directory in path.parents}
    directories |= {*places.RUN_DIRS, places.DATA_DIR, places.INCIDENTS_DIR, places.SWITCH_DIR}
    is_booted = units.is_booted()
    sights = _sights() if is_booted else {}
    return World(
        files={path: path.read_text(errors="replace") for path in files if path.is_file()},
        directories=frozenset(path for path in directories if path.is_dir()),
        enabled=frozenset(unit for unit, sight in sights.items() if sight.enabled in _ENABLED),
        active=frozenset(unit for unit, sight in sights.items() if _is_active(sight)),
        started=frozenset(unit for unit, sight in sights.items() if sight.active in _STARTED),
        accounts=frozenset({user.pw_name for user in pwd.getpwall()} | {group.gr_name for group in grp.getgrall()}),
        systemd_version=_systemd_version(),
        has_polkit=any(path.is_dir() for path in _POLKIT),
        record=record,
        door_began_at=units.main_process_began(units.DOOR) if is_booted else None,
    )


def program_changed_at() -> float:
    """When this program, a package that it uses or its Python was last changed on the disk, in seconds since the epoch.

    By the time that nobody can set (ctime): pip, git and tar may give a file any other. Raises OSError.
    """
    own = (path for name in ("slot", "frontdoor") for path in (PACKAGE_DIR.parent / name).rglob("*.py"))
    packages = Path(sysconfig.get_path("purelib")).glob("*.dist-info")
    return max(path.stat().st_ctime for path in (Path(sys.executable).resolve(), *packages, *own))


def read_record() -> Record | None:
    """What is installed; None: nothing, as far as is known. Raises OSError, UnreadableRecord."""
    try:
        record = msgspec.json.decode(places.RECORD.read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except BAD_JSON as exc:
        raise UnreadableRecord(f"{places.RECORD}: {exc}") from exc
    if record.version > RECORD_VERSION:
        raise UnreadableRecord(f"{places.RECORD}: version {record.version}, and this slotctl knows {RECORD_VERSION}")
    return record


def _is_active(sight: units.UnitSight) -> bool:
    """One that only waits for its next try serves nobody, and holds nothing."""
    return sight.active in _ACTIVE and sight.sub != "auto-restart"


def _sights() -> dict[str, units.UnitSight]:
    """Of every unit that matters here, with each switch that is under way."""
    switches = units.listed(units.switch_unit("*"), _ACTIVE)
    return {unit: units.look(unit) for unit in (*places.STANDING, *units.PREDECESSORS, *switches)}


def _systemd_version() -> int:
    """0 where there is none."""
    try:
        said = units.run("--version", timeout_s=units.LOOK_TIMEOUT_S)
    except units.Refusal:
        return 0
    found = re.match(r"systemd (\d+)", said)
    return int(found[1]) if found else 0
