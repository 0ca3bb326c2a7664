"""Does what the plan says, one deed after the other, and tells each before it is done.

A deed that fails ends it. Each may be done twice: the same command again, once the cause is mended, does the rest.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Sequence

from slot import units
from slot.atomic_file import write_atomically
from slot.install.wanted import (
    MakeDirectory,
    Operation,
    RemoveDirectory,
    RemoveFile,
    RemoveTree,
    Run,
    Systemctl,
    WriteFile,
)

STOP_TIMEOUT_S = 600.0  # the units' own TimeoutStopSec is shorter, and the supervisor may have it extended
PROGRAM_TIMEOUT_S = 120.0
LOOK_EVERY_S = 1.0

Say = Callable[[str], None]


class NotDone(Exception):
    """A deed failed. `words`: what was said of it; `exit_status`: the slot's own, where its start failed, or 0."""

    def __init__(self, operation: Operation, words: str, exit_status: int = 0) -> None:
        super().__init__(f"{operation}: {words}")
        self.operation, self.words, self.exit_status = operation, words, exit_status


def apply(operations: Sequence[Operation], say: Say) -> None:
    """Raises NotDone."""
    for operation in operations:
        say(str(operation))
        try:
            _do(operation, say)
        except (OSError, units.Refusal) as exc:
            raise NotDone(operation, str(exc)) from exc


def _do(operation: Operation, say: Say) -> None:
    match operation:
        case MakeDirectory():
            _make(operation)
        case WriteFile(path, text, mode):
            write_atomically(path, text.encode())
            path.chmod(mode)
        case RemoveFile(path):
            path.unlink(missing_ok=True)
        case RemoveDirectory(path):
            if not any(path.iterdir()):
                path.rmdir()
        case RemoveTree(path):
            shutil.rmtree(path)
        case Systemctl(("start", unit)):
            _start(operation, unit, say)
        case Systemctl(words):
            units.run(*words, timeout_s=STOP_TIMEOUT_S)
        case Run(words):
            _run(operation, words)


def _make(wanted: MakeDirectory) -> None:
    wanted.path.mkdir()
    # in a directory of the slot's user it may be a link by now
    fd = os.open(wanted.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if wanted.owner:
            user = pwd.getpwnam(wanted.owner)
            os.fchown(fd, user.pw_uid, grp.getgrnam(wanted.group).gr_gid if wanted.group else user.pw_gid)
        os.fchmod(fd, wanted.mode)
    finally:
        os.close(fd)


def _run(operation: Run, words: tuple[str, ...]) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PROGRAM_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise NotDone(operation, f"it has not ended within {PROGRAM_TIMEOUT_S:g} s") from None
    if done.returncode != 0:
        raise NotDone(operation, done.stderr.strip() or done.stdout.strip() or f"it ended with {done.returncode}")


def _start(operation: Operation, unit: str, say: Say) -> None:
    """Until systemd says that it has started: the unit itself decides how long that may take."""
    shown = ""
    with units.start(unit) as child:
        while True:
            try:
                _, words = child.communicate(timeout=LOOK_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                text = units.look(unit).status_text
                if text != shown:
                    shown = text
                    say(f"  {text}")
    if child.returncode != 0:
        last_words = words.strip() or f"systemctl ended with {child.returncode}"
        raise NotDone(operation, last_words, units.look(unit).exit_status)


def is_root() -> bool:
    return os.geteuid() == 0
