"""Whose a file or a service is that is found on the host: ours, or somebody else's under the same name."""

from __future__ import annotations

from pathlib import Path

from slot import units
from slot.install import places, templates
from slot.install.wanted import Record, World

_SWITCHES = "b70-slot-switch@"


class CannotInstall(Exception):
    """The host is in a state in which this must not be done. `found`, and what to `do`, in words."""

    def __init__(self, summary: str, found: str, do: str) -> None:
        super().__init__(summary)
        self.found, self.do = found, do


def is_ours(path: Path, world: World) -> bool:
    """Whether a file is of our making: the record has it, it says so, or it is a unit that starts our programs."""
    text = world.files.get(path, "")
    recorded = world.record is not None and str(path) in world.record.files
    return recorded or templates.MARK in text or (path.parent == places.UNIT_DIR and _starts_our_program(path, text))


def known(record: Record | None) -> list[Path]:
    """All that an installation may have written: by its record, and by this version."""
    recorded = {Path(path) for path in record.files} if record else set()
    own = {places.POLKIT_RULE, places.SYSUSERS, places.RECORD, places.ACTIVE_PROFILE}
    own |= {path for unit in places.UNITS for path in files_of_unit(unit)}
    own |= {places.COMMAND_DIR / name for name in places.COMMANDS}
    return sorted(recorded | own)


def files_of_unit(unit: str) -> set[Path]:
    return {places.unit_file(unit), places.drop_in(unit)}


def refuse_during_a_switch(world: World) -> None:
    """Raises CannotInstall."""
    for unit in sorted(world.active):
        if unit.startswith(_SWITCHES):
            raise CannotInstall(
                "a switch is under way", f"{unit} is active", "wait for its end: slotctl status --watch"
            )


def _starts_our_program(path: Path, text: str) -> bool:
    program = {units.DOOR: "/bin/frontdoor\n", units.SOCKET: "FileDescriptorName=http\n"}
    return program.get(path.name, "/bin/slotctl ") in text
