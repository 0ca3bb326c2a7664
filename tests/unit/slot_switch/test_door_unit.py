"""Which frontdoor is started again at the end of a switch."""

from __future__ import annotations

import pytest

from slot.switch.door_unit import has_been_given_up
from slot.units import UnitSight


def unit(active: str, load: str = "loaded") -> UnitSight:
    return UnitSight(load, active, "", "", 0, 0, "enabled", "")


@pytest.mark.parametrize(
    ("door", "socket", "has"),
    [
        (unit("failed"), unit("failed"), True),
        (unit("failed"), unit("active"), True),
        (unit("inactive"), unit("failed"), True),
        (unit("active"), unit("active"), False),
        (unit("inactive"), unit("active"), False),  # it starts with the first client
        (unit("inactive"), unit("inactive"), False),  # somebody has stopped it
        (unit("activating"), unit("active"), False),
        (unit("failed", "not-found"), unit("inactive", "not-found"), False),
    ],
)
def test_only_what_has_failed_is_started_again(door: UnitSight, socket: UnitSight, has: bool) -> None:
    assert has_been_given_up(door, socket) is has
