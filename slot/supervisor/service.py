"""The slot as a process: its directory, its lock, its port, and the supervisor that lives in it.

Decides only what must not be begun: a slot that has a supervisor, a port at which somebody else listens, and a load on
cards that failed and were not asked since (`gate`).
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from slot import state as slot_state
from slot.address import http_url
from slot.atomic_file import write_atomically
from slot.cards.swept import unasked
from slot.doctor.ports import bind_refusal
from slot.exit_codes import ExitCode
from slot.failures.diagnosis import diagnose
from slot.failures.restart_words import told
from slot.failures.trouble import Taken, Trouble
from slot.lock import Held, take
from slot.paths import Paths
from slot.port_holder import busy, holder_of
from slot.profiles.command import EngineCommand
from slot.profiles.profile import Profile
from slot.state import SlotState
from slot.supervisor import gate, keeper
from slot.supervisor.aftercare import Care
from slot.supervisor.notify import Notifier
from slot.supervisor.snapshot import blank
from slot.supervisor.supervisor import Supervisor

logger = logging.getLogger(__name__)

PROC = Path("/proc")


async def run(
    profile: Profile,
    command: EngineCommand,
    paths: Paths,
    *,
    notify_socket: str | None,
    care: Care | None = None,
) -> int:
    """Serves `profile` until it is told to stop or fails; returns the exit code.

    OK after a stop that was asked for; FAILED, DEVICE or CONFIG after a failure, whose cause `state.json` keeps;
    CANNOT_CREATE where the slot or its port is taken; IO_ERROR where the run directory cannot be used. `notify_socket`
    is the value of NOTIFY_SOCKET, None where nobody waits for the slot. `care` is what can be done after a device
    fault; None: it ends at once, with DEVICE. To be called in the main thread: it handles signals.
    """
    host, port = engine_address(profile, command)

    def empty(previous: SlotState | None) -> SlotState:
        url, now = http_url(host, port), time.time()
        return blank(profile, engine_url=url, simulated=command.simulated, now=now, previous=previous)

    try:
        _make_run_dir(paths)
        for file in (paths.state_file, paths.lock_file, paths.swept_file):
            _clear(file)
        lock = take(paths.lock_file)
        previous = slot_state.read_if_sound(paths.state_file)
    except Held as exc:
        logger.error("this slot has a supervisor already: %s", exc)
        _tell_if_nobody_does(paths, exc, empty)
        return ExitCode.CANNOT_CREATE
    except OSError as exc:
        logger.error("cannot keep the slot's state in %s: %s", paths.run_dir, exc)
        return ExitCode.IO_ERROR
    with closing(lock), closing(Notifier(notify_socket)) as notifier:
        # asked before the start: whoever answers there already would pass for our engine
        if (refusal := bind_refusal(host, port)) is not None:
            is_held = refusal.errno == errno.EADDRINUSE
            why = f"is {busy(holder_of(port, PROC))}" if is_held else f"cannot be had: {refusal.strerror}"
            tell(paths, Taken("port", f"port {port} on {host} {why}"), empty(previous))
            return ExitCode.CANNOT_CREATE
        if care is not None and (fault := unasked(care.swept, previous)) is not None:
            if (asked := await gate.ask(fault, care, empty(previous), paths, notifier)) is not ExitCode.OK:
                return asked
        keeper.become_subreaper()
        supervisor = Supervisor(profile, command, paths, lock, notifier, blank=empty(previous), care=care)
        return await supervisor.live()


def _tell_if_nobody_does(paths: Paths, held: Held, empty: Callable[[SlotState | None], SlotState]) -> None:
    """
    1. The holder's word is fresh, or its last one is a final one, so that a new one is about to come: it stands
    2. A keeper holds the lock alone, whose supervisor was killed: without us nobody would say what goes on
    """
    with suppress(OSError):
        previous = slot_state.read_if_sound(paths.state_file)
        if previous is not None and previous.is_abandoned(time.time()):  # 2
            why = f"its lock is held by {held.holder}, and no supervisor tells how the slot is"
            tell(paths, Taken("slot", why), empty(previous))


def tell(paths: Paths, trouble: Trouble, empty: SlotState) -> None:
    """The last word of a slot that did not begin."""
    failure = diagnose(trouble, (), None, empty.since).failure
    logger.error("%s: %s", empty.profile.name, told(failure))
    try:
        write_atomically(paths.state_file, slot_state.encode(msgspec.structs.replace(empty, failure=failure)))
    except OSError as exc:
        logger.warning("cannot write %s: %s", paths.state_file, exc)


def engine_address(profile: Profile, command: EngineCommand) -> tuple[str, int]:
    """Host and port where the engine will listen: its command line's, which may differ from the profile's."""
    words = command.words
    host, port = (words[words.index(flag) + 1] if flag in words else None for flag in ("--host", "--port"))
    return host or profile.host, int(port or profile.port)


def _make_run_dir(paths: Paths) -> None:
    paths.run_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
    if paths.run_dir.stat().st_uid != os.geteuid():
        raise PermissionError(f"{paths.run_dir} belongs to another user")


def _clear(path: Path) -> None:
    """What an engine has laid in the place of a file of ours outlives it, and would keep every model after it out."""
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode):
            logger.warning("%s is no file: somebody of this user has put it there; it is removed", path)
            shutil.rmtree(path) if stat.S_ISDIR(mode) else path.unlink()
