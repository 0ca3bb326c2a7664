"""What is done to a host so that it is as wanted: only what differs, each deed after those that it needs.

Install, and `upgrade`, which also brings the new program to a frontdoor that runs an older one:

    1. what cannot be: an active slot whose profile would change under it, a predecessor that may not be stopped
    2. stop the predecessor's services of the same names; and the address, if it moves
    3. directories, files, the record; what an earlier version wrote and this one does not, goes
    4. accounts, the slot's data directory; systemd reads the units
    5. the predecessor's MiniMax services are disabled; ours are enabled and started, the address first, the slot last

A second run finds nothing to do. The way back is `removal`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from slot import units
from slot.install import places, templates
from slot.install.ownership import CannotInstall, files_of_unit, is_ours, refuse_during_a_switch
from slot.install.wanted import (
    MakeDirectory,
    Operation,
    Record,
    RemoveDirectory,
    RemoveFile,
    Run,
    Systemctl,
    Wanted,
    World,
    WriteFile,
)


def install(wanted: Wanted, world: World) -> tuple[Operation, ...]:
    """Raises CannotInstall."""
    _refuse(wanted, world)  # 1
    files = _files(wanted, world)
    written = tuple(_written(files, world))
    return (
        *_make_way(wanted, world, files),  # 2
        *written,  # 3
        *_accounts(files, world),  # 4
        *_data_dir(wanted, world),
        *([Systemctl(("daemon-reload",))] if _touches_units(written) else []),
        *_disable_predecessors(world),  # 5
        *_enable(wanted, world),
        *_start(wanted, world, files),
    )


def upgrade(wanted: Wanted, world: World) -> tuple[Operation, ...]:
    """Raises CannotInstall."""
    return (*install(wanted, world), *_replace(wanted, world))


def _replace(wanted: Wanted, world: World) -> Iterator[Operation]:
    """A process that is younger than the program on the disk runs that very program."""
    is_new = world.door_began_at is not None and world.door_began_at > wanted.changed_at
    if units.DOOR in world.active and not is_new:
        yield Run((f"{wanted.bin_dir}/frontdoor", "replace"))


def notes(wanted: Wanted, world: World, operations: tuple[Operation, ...]) -> list[str]:
    """What whoever installs should know beyond what is done."""
    changed = {operation.path for operation in operations if isinstance(operation, WriteFile)}
    said = []
    if units.SLOT in world.active and changed & files_of_unit(units.SLOT):
        said.append("the slot goes on under its old unit until its next switch or restart: slotctl restart")
    if units.DOOR in world.active and changed & files_of_unit(units.DOOR):
        said.append(
            f"the frontdoor keeps its old unit until `systemctl restart {units.DOOR}`: clients wait until open "
            "requests have ended"
        )
    if not world.has_polkit:
        said.append("there is no polkit: only root can switch; install it and run `slotctl upgrade` to let operators")
    left = [unit for unit in units.PREDECESSORS if unit in world.active]
    if left and not wanted.start:
        said.append(f"{' and '.join(left)} still runs, until the slot is started")
    return said


def what_next(wanted: Wanted, world: World) -> list[str]:
    """Which command makes a model serve, where an installation alone does not."""
    if wanted.start or units.SLOT in world.active:
        return []
    options = ["--simulate"] if wanted.simulate else []
    options += ["--enable"] if not (wanted.enable or units.SLOT in world.enabled) else []
    options.append("--start")
    if wanted.active_profile is None and places.ACTIVE_PROFILE not in world.files:
        why, profile = "no profile is active", ["--profile NAME"]
    else:
        why, profile = f"the slot does not run; its profile is {places.ACTIVE_PROFILE}", []
    command = " ".join(["sudo slotctl install", *profile, *options])
    names = "; `slotctl list` shows the names" if profile else ""
    return [f"nothing serves yet: {why}. Next: {command}{names}"]


# -- 1: what cannot be -------------------------------------------------------------------------------------------------


def _refuse(wanted: Wanted, world: World) -> None:
    refuse_during_a_switch(world)
    predecessors = _active_predecessors(world)
    if predecessors and not wanted.start:
        raise CannotInstall(
            "another program runs under the slot's name",
            f"active, and not ours: {' '.join(predecessors)}",
            "stop it first, or add --start: then it is stopped and replaced",
        )
    active = world.files.get(places.ACTIVE_PROFILE)
    if units.SLOT in world.active and not predecessors and wanted.active_profile not in (None, active):
        raise CannotInstall(
            "the slot is active with another profile, or with another state of this one",
            f"{places.ACTIVE_PROFILE} differs from the profile of the catalog",
            "slotctl switch NAME: it lets running generations end, and goes back if the model does not load",
        )


def _active_predecessors(world: World) -> list[str]:
    return [
        unit for unit in (units.DOOR, units.SLOT) if unit in world.active and not is_ours(places.unit_file(unit), world)
    ]


# -- 2 and 3: files ----------------------------------------------------------------------------------------------------


def _files(wanted: Wanted, world: World) -> dict[Path, str]:
    files = templates.files(wanted, systemd_version=world.systemd_version, has_polkit=world.has_polkit)
    # a command of somebody else's by the same name is left alone
    files = {
        path: text
        for path, text in files.items()
        if path.parent != places.COMMAND_DIR or path not in world.files or is_ours(path, world)
    }
    if wanted.active_profile is not None:
        files[places.ACTIVE_PROFILE] = wanted.active_profile
    recorded = {*files, places.RECORD, places.ACTIVE_PROFILE}
    files[places.RECORD] = _record(wanted, recorded, _made(files, world))
    return files


def _record(wanted: Wanted, files: set[Path], directories: set[Path]) -> str:
    record = Record(
        user=wanted.user,
        port=wanted.port,
        simulate=wanted.simulate,
        catalog_dir=str(wanted.catalog_dir) if wanted.catalog_dir else None,
        files=tuple(sorted(map(str, files))),
        directories=tuple(sorted(map(str, directories))),
    )
    return msgspec.json.format(msgspec.json.encode(record), indent=1).decode() + "\n"


def _made(files: Mapping[Path, str], world: World) -> set[Path]:
    """The directories that would not be there without us."""
    before = {Path(path) for path in world.record.directories} if world.record else set()
    needed = _directories(files)
    return (before | (needed - world.directories)) & needed


def _directories(files: Mapping[Path, str]) -> set[Path]:
    return {directory for path in (*files, places.RECORD) for directory in path.parents}


def _written(files: Mapping[Path, str], world: World) -> Iterator[Operation]:
    yield from (MakeDirectory(directory) for directory in sorted(_directories(files) - world.directories))
    for path, text in files.items():
        if world.files.get(path) != text:
            yield WriteFile(path, text, templates.mode_of(path))
    if world.record:
        gone = {Path(path) for path in world.record.files} - {*files, places.ACTIVE_PROFILE}
        yield from (RemoveFile(path) for path in sorted(gone & set(world.files)))
        idle = {Path(path) for path in world.record.directories} - _directories(files)
        yield from (RemoveDirectory(path) for path in sorted(idle & world.directories, reverse=True))


def _make_way(wanted: Wanted, world: World, files: Mapping[Path, str]) -> Iterator[Operation]:
    predecessors = _active_predecessors(world)
    if predecessors:
        yield Systemctl(("stop", *predecessors))
    elif _moves(world, files):
        yield Systemctl(("stop", units.SOCKET, units.DOOR))


def _moves(world: World, files: Mapping[Path, str]) -> bool:
    """Whether the address is held, and is to be another."""
    path = places.drop_in(units.SOCKET)
    return units.SOCKET in world.active and files.get(path) != world.files.get(path)


def _touches_units(written: tuple[Operation, ...]) -> bool:
    return any(isinstance(each, WriteFile | RemoveFile) and is_units(each.path) for each in written)


def is_units(path: Path) -> bool:
    return places.UNIT_DIR in path.parents


# -- 4 and 5: accounts and services ------------------------------------------------------------------------------------


def _accounts(files: Mapping[Path, str], world: World) -> Iterator[Operation]:
    text = files[places.SYSUSERS]
    names = {line.split()[1] for line in text.splitlines() if line.startswith(("u ", "g "))}
    if text != world.files.get(places.SYSUSERS) or names - world.accounts:
        yield Run(("systemd-sysusers", str(places.SYSUSERS)))


def _data_dir(wanted: Wanted, world: World) -> Iterator[Operation]:
    """The unit would make it at its first start; a first switch asks before that whether the slot may write there.

    What is kept of failures is the operators' to read. The slot's user is none of them and could not give it to them:
    by the directory's setgid bit whatever it puts there is of their group.
    """
    if places.DATA_DIR not in world.directories:
        yield MakeDirectory(places.DATA_DIR, wanted.user)
    if places.INCIDENTS_DIR not in world.directories:
        yield MakeDirectory(places.INCIDENTS_DIR, wanted.user, units.OPERATORS, 0o2750)


def _disable_predecessors(world: World) -> Iterator[Operation]:
    enabled = [unit for unit in units.PREDECESSORS if unit in world.enabled]
    if enabled:
        yield Systemctl(("disable", *enabled))


def _enable(wanted: Wanted, world: World) -> Iterator[Operation]:
    if wanted.enable and not set(places.STANDING) <= world.enabled:
        yield Systemctl(("enable", *places.STANDING))


def _start(wanted: Wanted, world: World, files: Mapping[Path, str]) -> Iterator[Operation]:
    moves = _moves(world, files)
    started = world.started - set(_active_predecessors(world))
    for unit in (units.SOCKET, units.DOOR, units.SLOT):
        if unit not in started and wanted.start or moves and unit != units.SLOT and unit in started:
            yield Systemctl(("start", unit))
