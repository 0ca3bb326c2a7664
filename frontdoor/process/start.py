"""From a command line to a frontdoor that serves: what is read, what may be wrong with it, and how the process ends.

While it starts, SIGTERM and SIGINT end it: nothing is open yet that could be waited for. SIGHUP and SIGUSR2 wait until
it serves (`__main__` sees to it).

Without a profile that can be used:

1. systemd has handed in the sockets -> it serves all the same, by the settings of the environment, and refuses every
   generation with the reason until there is one (`slot_watch`): a port that is silent tells nobody what to do
2. It is a successor, or has to find its address itself -> it ends. The process before it goes on with the last good
   profile; and where to listen is the profile's to say

Exits 0 after a stop that was asked for, 1 when the process that started it as its successor has given it up, 73 when
the port or the control socket is taken, 78 for a setting or a socket that cannot be used; and in the second case 66
where the profile does not exist, 74 where it cannot be read, 78 where it is wrong.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from frontdoor.admin import control_socket
from frontdoor.admin.control_socket import ControlSocket
from frontdoor.bad_settings import BadSettings
from frontdoor.process import listeners, systemd
from frontdoor.process.hand_over import own_command, predecessor_fd
from frontdoor.process.inheritance import Predecessor, PredecessorGone
from frontdoor.process.life import Life
from frontdoor.process.listeners import Listeners, NotListening
from frontdoor.process.notify import Notifier
from frontdoor.process.serving import OpenDoor, opened
from frontdoor.process.systemd import BadEnvironment
from frontdoor.record.events import EventLog
from frontdoor.settings import Settings, overridden
from frontdoor.watch.slot_watch import Sources, told_by
from slot.exit_codes import ExitCode
from slot.port_holder import busy, holder_of
from slot.profiles.catalog import load_active
from slot.profiles.problems import ProfileError
from slot.profiles.profile import Profile

logger = logging.getLogger("frontdoor")


class CannotStart(Exception):
    """Why not, in words for the admin, and the exit code."""

    def __init__(self, why: str, code: ExitCode) -> None:
        super().__init__(why)
        self.code = code


def run(arguments: Mapping[str, str]) -> int:
    """Serves until it is told to stop. `arguments` are settings by field name."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        _run(Sources(arguments, os.environ))
    except CannotStart as exc:
        for line in str(exc).splitlines():
            sys.stderr.write(f"frontdoor: {line}\n")
        return exc.code
    return ExitCode.OK


def _run(sources: Sources) -> None:
    profile, settings = _read(sources)
    for name in overridden(told_by(profile), sources.environment):
        logger.warning("%s of the environment is overridden by the active profile", name)
    events = EventLog(requests=settings.log_events)
    # what was imported stays; and a request leaves no cycles, so that looking for them costs more than it finds (6 %
    # of a short stream's time with Python's own thresholds, measured)
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    try:
        uvloop.run(_serve(sources, settings, profile, events))
    finally:
        events.close()


async def _serve(sources: Sources, settings: Settings, profile: Profile | None, events: EventLog) -> None:
    """Until the end, or until it is told to stop while it starts. Raises CannotStart."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):  # until `life` has its own
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await _start_and_live(sources, settings, profile, events)
    except asyncio.CancelledError:
        if not task.cancelling():
            raise
        logger.info("told to stop before it served")


async def _start_and_live(sources: Sources, settings: Settings, profile: Profile | None, events: EventLog) -> None:
    """Raises CannotStart."""
    environment = sources.environment
    async with AsyncExitStack() as stack:
        notifier = Notifier(environment.get("NOTIFY_SOCKET"))
        stack.callback(notifier.close)
        predecessor = _predecessor(environment, stack)
        try:
            heartbeat_s = systemd.heartbeat_s(environment, os.getpid())
            sockets = await _sockets(settings, environment, predecessor)
            door = await stack.enter_async_context(opened(sources, settings, profile, events, sockets))
        except (BadSettings, BadEnvironment, NotListening) as exc:
            raise CannotStart(str(exc), ExitCode.CONFIG) from exc
        life = Life(door, notifier, predecessor, own_command())
        stack.push_async_callback(life.close)
        life.control_socket = _control_socket(settings, sockets)
        if predecessor is None:
            await _begin(life, door)
        else:
            await _follow(predecessor, life, door)
        await life.run(heartbeat_s)
        door.frontdoor.tell_stop(await door.frontdoor.cut_rest())


async def _begin(life: Life, door: OpenDoor) -> None:
    """Accepts, once it is known how the engine is: who connects before waits, and is not told there is none."""
    door.frontdoor.tell_start()
    await door.frontdoor.watch.first_look()
    await life.accept()


async def _follow(predecessor: Predecessor, life: Life, door: OpenDoor) -> None:
    """Accepts, once the process before this one does so no more. Raises CannotStart."""
    await door.frontdoor.watch.first_look()
    predecessor.on_share = door.set_aside
    try:
        told = await predecessor.may_serve()
    except PredecessorGone as exc:
        raise CannotStart(str(exc), ExitCode.FAILED) from exc
    if told.paused is not None:
        life.admin.pause(told.paused)
    if told.cap is not None:
        life.admin.set_cap(told.cap)
    await life.accept()
    predecessor.serving(door.take)
    door.frontdoor.tell_start()


def _predecessor(environment: Mapping[str, str], stack: AsyncExitStack) -> Predecessor | None:
    fd = predecessor_fd(environment)
    if fd is None:
        return None
    predecessor = Predecessor(fd)
    stack.callback(predecessor.close)
    return predecessor


async def _sockets(settings: Settings, environment: Mapping[str, str], predecessor: Predecessor | None) -> Listeners:
    """See `listeners` for their order. Raises CannotStart, BadEnvironment, NotListening."""
    if predecessor is not None:
        try:
            return await predecessor.listeners()
        except PredecessorGone as exc:
            raise CannotStart(str(exc), ExitCode.FAILED) from exc
    taken = listeners.take(systemd.passed_fds(environment, os.getpid()))
    if taken is not None:
        _compare(settings, taken)
        return taken
    try:
        return listeners.bind(settings.host, settings.port)
    except OSError as exc:
        raise _cannot_listen(settings, exc) from exc


def _compare(settings: Settings, taken: Listeners) -> None:
    told, listened = settings.port, taken.address[1]
    if "port" in settings.model_fields_set and told != listened:
        logger.warning("FRONTDOOR_PORT=%s does not count: systemd has handed in a socket on port %s", told, listened)


def _control_socket(settings: Settings, sockets: Listeners) -> ControlSocket | None:
    path = settings.control_socket
    if path is None:
        return None
    if sockets.control is not None:
        return control_socket.adopt(path, sockets.control)
    try:
        return control_socket.create(path)
    except OSError as exc:
        why = (
            f"FRONTDOOR_CONTROL_SOCKET: cannot create {exc.filename or path}: {exc.strerror or exc}; "
            "name another path that this user may create, or leave it empty for no control socket"
        )
        raise CannotStart(why, ExitCode.CANNOT_CREATE) from exc


def _read(sources: Sources) -> tuple[Profile | None, Settings]:
    """Raises CannotStart."""
    path = sources.arguments.get("active_profile") or sources.environment.get("FRONTDOOR_ACTIVE_PROFILE")
    try:
        profile = load_active(Path(path)) if path else None
        return profile, sources.settings(profile)
    except (ProfileError, BadSettings, OSError) as exc:
        if path is None or not systemd.hands_in(sources.environment, os.getpid()):  # 2
            raise _cannot_use(exc) from exc
    try:
        return None, sources.settings(None)  # 1
    except BadSettings as exc:
        raise _cannot_use(exc) from exc


def _cannot_use(exc: Exception) -> CannotStart:
    match exc:
        case FileNotFoundError():
            return CannotStart(f"no active profile: {exc.filename} does not exist", ExitCode.NO_INPUT)
        case OSError():
            return CannotStart(str(exc), ExitCode.IO_ERROR)
        case _:
            return CannotStart(str(exc), ExitCode.CONFIG)


def _cannot_listen(settings: Settings, exc: OSError) -> CannotStart:
    where = f"cannot listen on {settings.host} port {settings.port}"
    if exc.errno == errno.EADDRINUSE:
        why = busy(holder_of(settings.port, Path("/proc")))
        return CannotStart(
            f"{where}: {why}; stop that process, or choose another port with --port or FRONTDOOR_PORT",
            ExitCode.CANNOT_CREATE,
        )
    if exc.errno == errno.EACCES:
        return CannotStart(f"{where}: not permitted", ExitCode.CANNOT_CREATE)
    return CannotStart(
        f"FRONTDOOR_HOST: found {settings.host!r}, expected an address or name of this machine ({exc})", ExitCode.CONFIG
    )
