"""A host as a value, and what each deed of a plan does to it: `after` is to the plan what `apply` is to a real host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from slot import units
from slot.install import places
from slot.install.sandbox import Sandbox
from slot.install.wanted import (
    MakeDirectory,
    Operation,
    Record,
    RemoveDirectory,
    RemoveFile,
    RemoveTree,
    Run,
    Systemctl,
    Wanted,
    World,
    WriteFile,
)

SHIPPED = Path(__file__).parents[3] / "deploy/systemd"
ROOTS = frozenset(
    map(
        Path,
        (
            "/",
            "/var",
            "/var/lib",
            "/etc",
            "/etc/systemd",
            "/etc/systemd/system",
            "/usr",
            "/usr/local",
            "/usr/local/bin",
        ),
    )
)
POLKIT = frozenset(map(Path, ("/etc/polkit-1", "/etc/polkit-1/rules.d")))
BARE = World(
    files={},
    directories=ROOTS | POLKIT,
    enabled=frozenset(),
    active=frozenset(),
    started=frozenset(),
    accounts=frozenset({"root", "video"}),
    systemd_version=252,
    has_polkit=True,
)
WANTED = Wanted(
    unit_texts={unit: (SHIPPED / unit).read_text() for unit in places.UNITS},
    bin_dir=Path("/opt/slot/bin"),
    commands=places.COMMANDS,
    changed_at=1000.0,
    programs=Sandbox((), ()),
    engine=Sandbox((), ()),
    active_profile="MODEL_SLOT_NAME=a\n",
    catalog_dir=None,
    user=places.SLOT_USER,
    home=places.DATA_DIR,
    port=8000,
    simulate=False,
    enable=True,
    start=True,
)


def after(operations: Sequence[Operation], world: World) -> World:
    for operation in operations:
        world = _after(operation, world)
    text = world.files.get(places.RECORD)
    return replace(world, record=msgspec.json.decode(text, type=Record) if text else None)


def _after(operation: Operation, world: World) -> World:
    files, directories = dict(world.files), world.directories
    match operation:
        case MakeDirectory(path, owner):
            assert owner in (None, "steve", *world.accounts)
            assert path not in directories and path.parent in directories
            directories |= {path}
        case WriteFile(path, text):
            assert path.parent in directories, f"no directory for {path}"
            files[path] = text
        case RemoveFile(path):
            del files[path]
        case RemoveDirectory(path):
            if not any(path in other.parents for other in (*files, *directories)):
                directories -= {path}
        case RemoveTree(path):
            directories = frozenset(other for other in directories if path not in (other, *other.parents))
        case Systemctl(words):
            return _after_systemctl(words, world)
        case Run(words):
            return replace(world, accounts=_accounts(words, world))
    return replace(world, files=files, directories=directories)


def _after_systemctl(words: tuple[str, ...], world: World) -> World:
    verb, names = words[0], frozenset(words[1:])
    match verb:
        case "enable":
            assert {places.unit_file(name) for name in names} <= set(world.files)
            return replace(world, enabled=world.enabled | names)
        case "disable":
            return replace(world, enabled=world.enabled - names)
        case "start":
            running = (world.active | names) - set(units.PREDECESSORS)
            return replace(world, active=running, started=running)
        case "stop":
            return replace(world, active=world.active - names, started=world.started - names)
    assert verb in ("daemon-reload", "reset-failed")
    return world


def _accounts(words: tuple[str, ...], world: World) -> frozenset[str]:
    match words:
        case ("systemd-sysusers", path):
            lines = [line.split() for line in world.files[Path(path)].splitlines() if line[:2] in ("u ", "g ")]
            return world.accounts | {line[1] for line in lines}
        case ("userdel" | "groupdel", name):
            return world.accounts - {name}
    return world.accounts
