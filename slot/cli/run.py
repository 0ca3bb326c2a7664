"""`slotctl run`: the supervisor in the foreground, as the unit runs it.

Nothing is loaded beside what is left of the engine before it: what the last sweep could not end, and who holds the
cards' memory, is looked at again, and if it is still so, the slot has failed before it began (`left-over`).

Where a service manager waits for its exit code, the supervisor is told which cards to ask after a device fault, and
what the sweep has heard of one from the kernel.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from slot.cards import device_faults, swept
from slot.cards.question import questions
from slot.cards.swept import Swept
from slot.cards.sysfs import cards
from slot.cli.places import active_profile, command_for
from slot.cli.quiet import quiet_s
from slot.exit_codes import ExitCode
from slot.failures.trouble import LeftOver
from slot.lock import holder
from slot.paths import Paths
from slot.profiles.command import EngineCommand
from slot.profiles.profile import Profile
from slot.supervisor import service
from slot.supervisor.aftercare import Care
from slot.supervisor.snapshot import blank


def run(
    paths: Paths, *, active: Path | None, simulate: bool, faults: Sequence[str], seed: int, engine_port: int | None
) -> int:
    """The exit code. Raises Refused, ProfileError, OSError."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    profile = active_profile(active or paths.active_profile)
    command = command_for(profile, paths, simulate=simulate, faults=faults, seed=seed, port=engine_port)
    found = swept.read(paths.swept_file)
    obstacle = swept.obstacle(found, swept.is_alive)
    if obstacle is not None and holder(paths.lock_file) is None:  # a slot that lives here says for itself how it is
        return _left_over(obstacle, profile, paths, simulated=command.simulated)
    notify_socket = os.environ.get("NOTIFY_SOCKET")
    # a person at a terminal sees the fault, and there is nobody to be told whether to start the slot again
    care = _care(profile, command, paths, found) if notify_socket else None
    return asyncio.run(service.run(profile, command, paths, notify_socket=notify_socket, care=care))


def _care(profile: Profile, command: EngineCommand, paths: Paths, found: Swept | None) -> Care:
    """With the cards as they are now, before anything is lost: one that is gone later must be missed."""
    return Care(
        questions(profile, command, cards(), paths.data_dir),
        paths.data_dir / device_faults.FILE_NAME,
        quiet_s(os.environ),
        swept=found,
    )


def _left_over(what: str, profile: Profile, paths: Paths, *, simulated: bool) -> ExitCode:
    """The last word of a slot that did not begin."""
    service.tell(paths, LeftOver(what), blank(profile, engine_url=profile.url, simulated=simulated, now=time.time()))
    return ExitCode.DEVICE
