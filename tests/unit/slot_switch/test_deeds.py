"""Whether a model may be started: not on a card that was lost in the middle of this very switch."""

from __future__ import annotations

import msgspec
import pytest
from unit.slot_switch.test_world import FAILED, SERVING, UNIT

from slot.state import Failure, SlotState
from slot.switch.deeds import has_lost_a_card
from slot.units import UnitSight

LOST = Failure(
    cause="a card was lost", detail="", remedy="", restart_can_help=False, exit_code=71, signal=None, at=500.0
)
DOWN = msgspec.structs.replace(SERVING, failure=LOST)


@pytest.mark.parametrize(
    ("unit", "slot", "since", "has"),
    [
        (FAILED, DOWN, 400.0, True),
        (FAILED, DOWN, 500.0, True),
        (FAILED, DOWN, 500.1, False),  # before this switch: its gate has seen it, and let it in
        (FAILED, SERVING, 400.0, False),
        (FAILED, None, 400.0, False),
        (UNIT, DOWN, 400.0, False),
    ],
)
def test_a_card_that_was_lost_meanwhile(unit: UnitSight, slot: SlotState | None, since: float, has: bool) -> None:
    assert has_lost_a_card(unit, slot, since) is has
