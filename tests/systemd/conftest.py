"""Machines for the tests of this directory and below: a real systemd each, gone with the test or module that had it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from systemd import bringing
from systemd.guarded import NotAllowed
from systemd.installed import Installed, bring, install
from systemd.machine import Machine
from systemd.plan import Hierarchy
from systemd.requirements import why_not

Require = Callable[[object, str], None]
Boot = Callable[..., Machine]


@pytest.fixture
def boot(require: Require) -> Iterator[Boot]:
    """`boot(**settings of Machine)`: a machine that is up, and goes with the test. Skips loudly where none can boot."""
    with _booting(require) as booted:
        yield booted


@pytest.fixture(scope="module")
def machine(boot_for_all: Boot) -> Machine:
    """One for all tests of a module, which leave its units to each other."""
    return boot_for_all()


@pytest.fixture(scope="module")
def boot_for_all(require: Require) -> Iterator[Boot]:
    """As `boot`; the machine goes with the module."""
    with _booting(require) as booted:
        yield booted


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our package, for `Machine.bring_in`."""
    return bringing.build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(machine: Machine, wheel: Path) -> Installed:
    """The module's machine with the product installed: sim-a is active, everything is enabled, nothing is started."""
    return install(bring(machine, wheel))


@contextlib.contextmanager
def _booting(require: Require) -> Iterator[Boot]:
    with contextlib.ExitStack() as machines:

        def booted(**settings: Any) -> Machine:
            reason = why_not(settings.get("hierarchy", Hierarchy.UNIFIED))
            require(not reason, reason)
            made = Machine(**settings)
            try:
                return machines.enter_context(made)
            except NotAllowed as exc:
                require(False, f"a real systemd cannot boot here: {exc}")
                raise

        yield booted
