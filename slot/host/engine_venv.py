"""Finds an engine that we ship in its venv, or installs it there.

What may be trusted is decided in `engines`, the steps of an installation are in `engine_installation`. This file adds
what makes them safe to interrupt and to repeat: two installations at once take turns; Ctrl-C, SIGTERM and failures
remove what is half made; and what a `kill -9` leaves has no `complete.json`, so the next installation removes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from slot.atomic_file import write_atomically
from slot.host import system_libraries
from slot.host.engine_installation import Installation, StepFailed, scratch
from slot.host.engines import Completion, Engine, is_whole, obstacles
from slot.host.terminal import say
from slot.paths import shipped


class CannotInstall(Exception):
    """The engine is not there, and nothing half made is left. The message says why, a line for each reason."""


def ensure(engine: Engine, lock: Path, data_dir: Path) -> Path:
    """The engine's venv; installed from `lock` first, with visible progress, if it is not whole.

    Raises CannotInstall, OSError.
    """
    venv = data_dir / engine.directory
    if not is_installed(venv, lock):
        venv.parent.mkdir(parents=True, exist_ok=True)
        with _turn(venv):
            if not is_installed(venv, lock):  # somebody else may have installed it while we waited
                _install(engine, venv, lock)
    return venv


def is_installed(venv: Path, lock: Path) -> bool:
    try:
        completion = (venv / "complete.json").read_bytes()
    except FileNotFoundError:
        return False
    # a venv's python is a link to the system's, which an upgrade of the system may have removed
    return is_whole(completion, _sha256(lock)) and (venv / "bin/python").exists()


def lock_file(engine: Engine) -> Path:
    return shipped(f"requirements/{engine.lock}")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@contextmanager
def _turn(venv: Path) -> Iterator[None]:
    with (venv.parent / f".{venv.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Another installation of {venv} is running: waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(engine: Engine, venv: Path, lock: Path) -> None:
    begun = time.time()
    _remove(venv)
    system_libraries.install_if_root(list(system_libraries.missing(engine.libraries).values()))
    _refuse_if_hopeless(engine, venv)
    say(f"Installing vLLM {engine.version} for {engine.name} into {venv}: once, {engine.about}.")
    try:
        _carry_out(engine, venv, lock)
        write_atomically(venv / "complete.json", msgspec.json.encode(_completion(engine, lock, begun)) + b"\n")
    except BaseException:
        _remove(venv)
        raise
    say(f"vLLM {engine.version} is ready, after {time.time() - begun:.0f} s.")


def _refuse_if_hopeless(engine: Engine, venv: Path) -> None:
    found = obstacles(
        engine,
        python=sys.version_info[:2],
        system=platform.system(),
        machine=platform.machine(),
        free_bytes=shutil.disk_usage(venv.parent).free,
        missing_libraries=system_libraries.missing(engine.libraries),
    )
    if found:
        raise CannotInstall("\n  ".join((f"cannot install the engine {engine.name} into {venv}:", *found)))


def _carry_out(engine: Engine, venv: Path, lock: Path) -> None:
    # imported here: an engine that is installed is found in a fraction of the time that rich takes to import
    from slot.host.display import open_display

    try:
        with open_display() as display:
            Installation(engine, venv=venv, lock=lock, display=display).carry_out()
    except StepFailed as failure:
        raise CannotInstall(f"cannot install the engine {engine.name}: {failure}") from failure


def _completion(engine: Engine, lock: Path, begun: float) -> Completion:
    now = time.time()
    return Completion(
        engine=engine.name,
        version=engine.version,
        lock_sha256=_sha256(lock),
        python=platform.python_version(),
        installed_at=now,
        took_s=round(now - begun, 1),
    )


def _remove(venv: Path) -> None:
    for leftover in (venv, scratch(venv)):
        shutil.rmtree(leftover, ignore_errors=True)
