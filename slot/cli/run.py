"""`slotctl run`: the supervisor in the foreground, as the unit runs it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from slot.cli.places import active_profile, command_for
from slot.paths import Paths
from slot.supervisor import service


def run(
    paths: Paths, *, active: Path | None, simulate: bool, faults: Sequence[str], seed: int, engine_port: int | None
) -> int:
    """The exit code. Raises Refused, ProfileError."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    profile = active_profile(active or paths.active_profile)
    command = command_for(profile, paths, simulate=simulate, faults=faults, seed=seed, port=engine_port)
    return asyncio.run(service.run(profile, command, paths, notify_socket=os.environ.get("NOTIFY_SOCKET")))
