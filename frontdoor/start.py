"""From a command line to a frontdoor that serves: what is read, what may be wrong with it, and how the process ends.

Exits 0 after a stop that was asked for, 66 without the profile it was told to follow, 73 when the port or the control
socket is taken, 74 when the profile cannot be read, 78 for a setting, a profile or a socket that cannot be used.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from frontdoor.events import EventLog
from frontdoor.serving import OpenDoor, listening
from frontdoor.settings import BadSettings, Settings, overridden
from frontdoor.slot_watch import Sources, told_by
from slot.exit_codes import ExitCode
from slot.profiles.catalog import load_active
from slot.profiles.problems import ProfileError
from slot.profiles.profile import Profile

DRAIN_GRACE_S = 5.0

logger = logging.getLogger("frontdoor")


def run(arguments: Mapping[str, str]) -> int:
    """Serves until it is told to stop. `arguments` are settings by field name."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    sources = Sources(arguments, os.environ)
    try:
        profile = _read_profile(arguments, os.environ)
        settings = sources.settings(profile)
    except FileNotFoundError as exc:
        return _complain(f"no active profile: {exc.filename} does not exist", ExitCode.NO_INPUT)
    except OSError as exc:
        return _complain(str(exc), ExitCode.IO_ERROR)
    except (ProfileError, BadSettings) as exc:
        return _complain(str(exc), ExitCode.CONFIG)
    for name in overridden(told_by(profile), os.environ):
        logger.warning("%s of the environment is overridden by the active profile", name)
    return uvloop.run(_serve(sources, settings, profile))


async def _serve(sources: Sources, settings: Settings, profile: Profile | None) -> int:
    events = EventLog(requests=settings.log_events)
    async with AsyncExitStack() as stack:
        try:
            door = await stack.enter_async_context(listening(sources, settings, profile, events))
        except OSError as exc:
            return _cannot_listen(settings, exc)
        await _until_stopped(door)
    return ExitCode.OK


async def _until_stopped(door: OpenDoor) -> None:
    """Serves until a signal, then lets open requests end; a second signal ends them at once."""
    signals: asyncio.Queue[None] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, None)
    door.frontdoor.tell_start()
    await _first(signals.get(), *door.helpers)
    await door.stop_listening()
    await _first(signals.get(), asyncio.create_task(door.frontdoor.idle(DRAIN_GRACE_S), name="drain"))
    door.frontdoor.tell_stop(await door.frontdoor.cut_rest())


async def _first(signal_asked: Coroutine[None, None, None], *tasks: asyncio.Task[None]) -> None:
    """Waits for a signal or for one of the tasks; a task that failed raises what it failed with."""
    asked = asyncio.create_task(signal_asked, name="wait for a signal")
    done, _ = await asyncio.wait([asked, *tasks], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    for task in done - {asked}:
        task.result()


def _read_profile(arguments: Mapping[str, str], environment: Mapping[str, str]) -> Profile | None:
    """Raises ProfileError, OSError."""
    path = arguments.get("active_profile") or environment.get("FRONTDOOR_ACTIVE_PROFILE")
    return load_active(Path(path)) if path else None


def _cannot_listen(settings: Settings, exc: OSError) -> int:
    where = f"{settings.host} port {settings.port}"
    if exc.errno in (errno.EADDRINUSE, errno.EACCES):
        why = "it is in use by another process" if exc.errno == errno.EADDRINUSE else "not permitted"
        return _complain(f"cannot listen on {where}: {why}", ExitCode.CANNOT_CREATE)
    return _complain(
        f"FRONTDOOR_HOST: found {settings.host!r}, expected an address or name of this machine ({exc})", ExitCode.CONFIG
    )


def _complain(message: str, code: ExitCode) -> int:
    for line in message.splitlines():
        sys.stderr.write(f"frontdoor: {line}\n")
    return code
