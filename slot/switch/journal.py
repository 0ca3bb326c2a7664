"""The journal of the switch under way, and the profiles it needs, on root's own disk.

    switch.json    the step that is to be done next; there only while a switch is under way, or was cut off
    next.env       the profile that is to come, as it was when the switch was asked for
    served.env     the last profile that served: what there is to go back to

Each is replaced in one step and is on the disk, its name included, before the switch goes on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from slot.atomic_file import sync_directory, write_atomically
from slot.bad_json import BAD_JSON
from slot.profiles.catalog import flatten, load_active
from slot.profiles.problems import ProfileError
from slot.profiles.profile import Profile
from slot.switch.steps import FORMAT_VERSION, Journal, Which


class UnreadableJournal(ValueError):
    """The journal is no journal of this version; the words say what was found and what to do."""


@dataclass(frozen=True)
class Desk:
    """The files of the switch, all in one directory that only root writes."""

    directory: Path

    @property
    def journal_file(self) -> Path:
        return self.directory / "switch.json"

    @property
    def next_file(self) -> Path:
        return self.directory / "next.env"

    @property
    def served_file(self) -> Path:
        return self.directory / "served.env"

    @property
    def history_file(self) -> Path:
        return self.directory / "history.jsonl"

    @property
    def cooldown_file(self) -> Path:
        return self.directory / "cooldown.json"

    def journal(self) -> Journal | None:
        """None: no switch is under way. Raises UnreadableJournal, OSError."""
        try:
            found = msgspec.json.decode(self.journal_file.read_bytes(), type=Journal)
        except FileNotFoundError:
            return None
        except BAD_JSON as exc:
            raise UnreadableJournal(_unreadable(self.journal_file, str(exc))) from exc
        if found.version != FORMAT_VERSION:
            raise UnreadableJournal(_unreadable(self.journal_file, f"version {found.version}"))
        return found

    def write_journal(self, journal: Journal) -> None:
        """Raises OSError."""
        self._write(self.journal_file, msgspec.json.format(msgspec.json.encode(journal), indent=2) + b"\n")

    def close_journal(self) -> None:
        """No switch is under way any more. Raises OSError."""
        self.journal_file.unlink(missing_ok=True)
        self.next_file.unlink(missing_ok=True)
        sync_directory(self.directory)

    def write_next(self, profile: Profile) -> None:
        """Raises OSError."""
        self._write(self.next_file, flatten(profile).encode())

    def next_has_served(self) -> None:
        """What was to come is what there is to go back to from now on. Done twice, it is done once. Raises OSError."""
        if self.next_file.exists():
            os.replace(self.next_file, self.served_file)
            sync_directory(self.directory)

    def write_served(self, profile: Profile) -> None:
        """Raises OSError."""
        self._write(self.served_file, flatten(profile).encode())

    def served(self) -> Which | None:
        """What there is to go back to; None where nothing has served, or where it cannot be read any more."""
        try:
            profile = load_active(self.served_file)
        except (OSError, ProfileError):
            return None
        return Which(profile.name, profile.sha256)

    def _write(self, path: Path, text: bytes) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)


def _unreadable(path: Path, found: str) -> str:
    return (
        f"{path} is no journal of a switch that this version can go on with: {found}. "
        "See what serves (`slotctl status`), then remove the file"
    )
