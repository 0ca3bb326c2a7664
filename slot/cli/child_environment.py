"""What of this process's environment the children of `slotctl up` get. Functions of their arguments; `up` starts them.

A variable FRONTDOOR_* is, in this order:

    1. empty                                        not set
    2. one that a profile may hold                  left out, with a word about it: the profile decides
    3. the place of the profile or of the state     left out: `up` says both on the command line
    4. any other, unknown ones too                  for the frontdoor, which refuses what it does not know: a slip in
                                                    the name of the key file must not open the door to everybody

The slot gets none of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from slot.paths import Paths
from slot.profiles import keys

PREFIX = "FRONTDOOR_"
DRAIN_TIMEOUT = "FRONTDOOR_DRAIN_TIMEOUT_S"
# Not the 30 s of a service: a person waits for the prompt.
DESK_DRAIN_TIMEOUT_S = "5"


def for_slot(environment: Mapping[str, str], paths: Paths) -> dict[str, str]:
    """This one's, but places fixed, and nobody to tell systemd but `up` itself."""
    kept = {name: text for name, text in environment.items() if not name.startswith(PREFIX) and name != "NOTIFY_SOCKET"}
    return kept | {
        "SLOT_RUN_DIR": str(paths.run_dir),
        "SLOT_DATA_DIR": str(paths.data_dir),
        "SLOT_CATALOG_DIR": str(paths.catalog_dir),
        "SLOT_ACTIVE_PROFILE": str(paths.active_profile),
        "PYTHONUNBUFFERED": "1",
    }


def for_door(environment: Mapping[str, str], paths: Paths) -> dict[str, str]:
    given = {
        name: text
        for name, text in _told(environment).items()  # 1
        if name not in keys.FRONTDOOR and name not in keys.FRONTDOOR_PLACES  # 2, 3
    }
    return for_slot(environment, paths) | {DRAIN_TIMEOUT: DESK_DRAIN_TIMEOUT_S} | given  # 4


def not_used(environment: Mapping[str, str]) -> list[str]:
    """A line about each variable that the profile decides instead."""
    return [
        f"{name} of the environment is not used: the profile decides; set it there"
        for name in sorted(_told(environment))
        if name in keys.FRONTDOOR
    ]


def drain_timeout_s(environment: Mapping[str, str]) -> str:
    """How long the frontdoor may take to stop, as it was written."""
    return environment.get(DRAIN_TIMEOUT) or DESK_DRAIN_TIMEOUT_S


def _told(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in environment.items() if name.startswith(PREFIX) and text}
