"""The way back: what takes an installation off a host, and nothing else with it.

    1. disabled and stopped, the slot first
    2. files that are ours; systemd forgets the units
    3. directories: what the units keep in /run, always; what was made for our files, if nothing else is in it; the
       slot's data and history, and its accounts, only with `purge`

A second run finds nothing to do. The predecessor's MiniMax services stay disabled: nobody knows who wants them back.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from slot import units
from slot.install import places
from slot.install.ownership import is_ours, known, refuse_during_a_switch
from slot.install.wanted import Operation, RemoveDirectory, RemoveFile, RemoveTree, Run, Systemctl, World


def uninstall(world: World, *, purge: bool) -> tuple[Operation, ...]:
    """Raises CannotInstall."""
    refuse_during_a_switch(world)
    ours = [path for path in known(world.record) if path in world.files and is_ours(path, world)]
    standing = [unit for unit in places.STANDING if places.unit_file(unit) in ours]
    return (
        *_disable(standing, world),  # 1
        *_stop(standing),
        *(RemoveFile(path) for path in ours),  # 2
        *([Systemctl(("daemon-reload",))] if ours else []),
        *_remove_directories(world, purge=purge),  # 3
        *(_forget(world) if purge else ()),
    )


def _disable(standing: list[str], world: World) -> Iterator[Operation]:
    enabled = [unit for unit in standing if unit in world.enabled]
    if enabled:
        yield Systemctl(("disable", *enabled))


def _stop(standing: list[str]) -> Iterator[Operation]:
    """All of them: one that has failed may be about to start again. The frontdoor last: it tells of the slot's end."""
    door = tuple(unit for unit in (units.SOCKET, units.DOOR) if unit in standing)
    for group in ((units.SLOT,) if units.SLOT in standing else (), door):
        if group:
            yield Systemctl(("stop", *group))
    if standing:
        yield Systemctl(("reset-failed", *standing))


def _remove_directories(world: World, *, purge: bool) -> Iterator[Operation]:
    trees = [*places.RUN_DIRS, *((places.DATA_DIR, places.SWITCH_DIR) if purge else ())]
    yield from (RemoveTree(path) for path in trees if path in world.directories)
    made = {Path(path) for path in world.record.directories} if world.record else set()
    yield from (RemoveDirectory(path) for path in sorted(made & world.directories, reverse=True))


def _forget(world: World) -> Iterator[Operation]:
    if places.SLOT_USER in world.accounts:
        yield Run(("userdel", places.SLOT_USER))
    if units.OPERATORS in world.accounts:
        yield Run(("groupdel", units.OPERATORS))
