"""The frontdoor's units at the end of a switch: a door that systemd has given up is started again.

    1. There is no such unit here, or systemd does not answer    -> it is not ours to see to
    2. Service or socket has failed                              -> both begin anew, once; or why they do not
    3. It runs, or somebody has stopped it                       -> it stays as it is

What made it fail may well be gone: the profile that it lacked is there now. Whoever stopped it wants it stopped.
"""

from __future__ import annotations

import logging

from slot import units
from slot.units import UnitSight

START_TIMEOUT_S = 40.0  # the unit's own limit, 30 s, comes first

logger = logging.getLogger(__name__)


def has_been_given_up(door: UnitSight, socket: UnitSight) -> bool:
    return door.load == "loaded" and "failed" in (door.active, socket.active)


def revive() -> str | None:
    """What keeps it from starting; None where nothing does, or nothing is to be done."""
    try:
        door, socket = units.look(units.DOOR), units.look(units.SOCKET)
    except units.Refusal:
        return None  # 1
    if not has_been_given_up(door, socket):  # 1, 3
        return None
    logger.warning("the frontdoor has failed (service %s, socket %s): starting it again", door.result, socket.result)
    try:
        units.run("reset-failed", units.DOOR, units.SOCKET, timeout_s=units.LOOK_TIMEOUT_S)
        units.run("start", units.DOOR, timeout_s=START_TIMEOUT_S)  # which requires the socket
    except units.Refusal as exc:
        return f"the frontdoor has failed, and does not start again: {' '.join(exc.words.split())}"
    return None
