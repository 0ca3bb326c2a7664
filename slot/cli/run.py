"""`slotctl run`: the supervisor in the foreground, as the unit runs it.

Nothing is loaded beside what is left of the engine before it: what the last sweep could not end, and who holds the
cards' memory, is looked at again, and if it is still so, the slot has failed before it began (`left-over`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from slot.atomic_file import write_atomically
from slot.cards import swept
from slot.cli.places import active_profile, command_for
from slot.cli.slot_lock import holder
from slot.exit_codes import ExitCode
from slot.failures.diagnosis import diagnose
from slot.failures.trouble import LeftOver
from slot.paths import Paths
from slot.profiles.profile import Profile
from slot.state import Lifecycle, SlotState, encode
from slot.supervisor import service
from slot.supervisor.snapshot import profile_facts

logger = logging.getLogger(__name__)


def run(
    paths: Paths, *, active: Path | None, simulate: bool, faults: Sequence[str], seed: int, engine_port: int | None
) -> int:
    """The exit code. Raises Refused, ProfileError, OSError."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    profile = active_profile(active or paths.active_profile)
    command = command_for(profile, paths, simulate=simulate, faults=faults, seed=seed, port=engine_port)
    obstacle = swept.obstacle(swept.read(paths.swept_file), swept.is_alive)
    if obstacle is not None and holder(paths.lock_file) is None:  # a slot that lives here says for itself how it is
        return _left_over(obstacle, profile, paths, simulated=command.simulated)
    return asyncio.run(service.run(profile, command, paths, notify_socket=os.environ.get("NOTIFY_SOCKET")))


def _left_over(what: str, profile: Profile, paths: Paths, *, simulated: bool) -> ExitCode:
    """The last word of a slot that did not begin."""
    now = time.time()
    failure = diagnose(LeftOver(what), (), None, now).failure
    logger.error("%s: %s. What to do: %s", profile.name, failure.cause, failure.remedy)
    state = SlotState(
        state=Lifecycle.FAILED,
        since=now,
        updated_at=now,
        profile=profile_facts(profile),
        served_model_name=profile.served_model_name,
        engine_url=profile.url,
        supervisor_pid=os.getpid(),
        simulated=simulated,
        failure=failure,
    )
    write_atomically(paths.state_file, encode(state))
    return ExitCode.DEVICE
