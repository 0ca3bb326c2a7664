"""The slot as a process: its directory, its lock, its port, and the supervisor that lives in it.

Decides only what must not be begun: a slot that has a supervisor, a port at which somebody else listens, and a load on
cards that failed and were not asked since (`gate`).
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
import time
from contextlib import closing, suppress
from pathlib import Path

from slot import state as slot_state
from slot.address import http_url
from slot.cards.swept import unasked
from slot.doctor.ports import bind_refusal
from slot.exit_codes import ExitCode
from slot.lock import Held, take
from slot.paths import Paths
from slot.profiles.command import EngineCommand
from slot.profiles.profile import Profile
from slot.supervisor import gate, keeper
from slot.supervisor.aftercare import Care
from slot.supervisor.notify import Notifier
from slot.supervisor.snapshot import blank
from slot.supervisor.supervisor import Supervisor

logger = logging.getLogger(__name__)


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
    try:
        _make_run_dir(paths)
        for file in (paths.state_file, paths.lock_file, paths.swept_file):
            _clear(file)
        lock = take(paths.lock_file)
        previous = slot_state.read_if_sound(paths.state_file)
    except Held as exc:
        logger.error("this slot has a supervisor already: %s", exc)
        return ExitCode.CANNOT_CREATE
    except OSError as exc:
        logger.error("cannot keep the slot's state in %s: %s", paths.run_dir, exc)
        return ExitCode.IO_ERROR
    with closing(lock), closing(Notifier(notify_socket)) as notifier:
        host, port = engine_address(profile, command)
        # asked before the start: whoever answers there already would pass for our engine
        if (refusal := bind_refusal(host, port)) is not None:
            logger.error(
                "port %d on %s: %s. Stop what is in the way, or change SERVE_PORT", port, host, refusal.strerror
            )
            return ExitCode.CANNOT_CREATE
        if care is not None and (fault := unasked(care.swept, previous)) is not None:
            empty = blank(profile, engine_url=http_url(host, port), simulated=command.simulated, now=time.time())
            if (asked := await gate.ask(fault, care, empty, paths, notifier)) is not ExitCode.OK:
                return asked
        keeper.become_subreaper()
        supervisor = Supervisor(
            profile, command, paths, lock, notifier, address=(host, port), care=care, previous=previous
        )
        return await supervisor.live()


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
