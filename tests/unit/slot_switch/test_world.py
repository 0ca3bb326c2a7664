"""What is seen before a switch: who serves, who waits for a recovery, whose pause it is, what the plan says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from slot.cards.vram import CardMemory
from slot.state import CardFacts, Failure, Lifecycle, ProfileFacts, Recovery, RecoveryStage, SlotState
from slot.switch.gate import NoOp
from slot.switch.plan import Plan
from slot.switch.request import Request
from slot.switch.steps import Journal, Step, Which
from slot.switch.world import Sight
from slot.units import UnitSight

NOW = 1000.0
UNIT = UnitSight("loaded", "active", "running", "success", 0, 1, "enabled", "")
FAILED = UnitSight("loaded", "failed", "failed", "exit-code", 71, 0, "enabled", "")
SERVING = SlotState(
    state=Lifecycle.SERVING,
    since=900.0,
    updated_at=NOW,
    profile=ProfileFacts(name="a", title="", hf_id="", modalities="text", status="test", sha256="a" * 64),
    served_model_name="a",
    engine_url="http://127.0.0.1:18080",
    supervisor_pid=1,
)


def sight(slot: SlotState | None = SERVING, unit: UnitSight | None = UNIT, door: dict[str, Any] | None = None) -> Sight:
    return Sight(
        at=NOW,
        active=None,
        slot=slot,
        slot_unit=unit,
        door_unit=None,
        door_status=door,
        served=Which("b", "b" * 64),
        under_way=None,
    )


def test_who_serves() -> None:
    assert sight().serving == Which("a", "a" * 64)
    assert sight(None).serving is None
    assert sight(msgspec.structs.replace(SERVING, state=Lifecycle.LOADING)).serving is None
    assert sight(msgspec.structs.replace(SERVING, updated_at=NOW - 60)).serving is None


def recovered(stage: RecoveryStage, *verdicts: str) -> SlotState:
    cards = tuple(CardFacts(bdf=f"0000:0{number}:00.0", verdict=each, words="") for number, each in enumerate(verdicts))
    return msgspec.structs.replace(SERVING, state=Lifecycle.FAILED, recovery=Recovery(stage=stage, cards=cards))


@pytest.mark.parametrize(
    ("slot", "unit", "awaits"),
    [
        (SERVING, UNIT, False),
        (SERVING, None, False),
        (SERVING, FAILED, True),
        (None, FAILED, True),
        (recovered(RecoveryStage.DONE, "healthy", "healthy"), FAILED, False),
        (recovered(RecoveryStage.DONE, "healthy", "wedged"), FAILED, True),
        (recovered(RecoveryStage.DONE, "unknown"), FAILED, True),
        (recovered(RecoveryStage.DONE), FAILED, True),
        (recovered(RecoveryStage.PROBING, "healthy"), FAILED, True),
    ],
)
def test_who_waits_for_a_recovery(slot: SlotState | None, unit: UnitSight | None, awaits: bool) -> None:
    assert sight(slot, unit).awaits_recovery is awaits


LOST = Failure(
    cause="lost", detail="", remedy="", restart_can_help=False, exit_code=1, signal=None, at=990.0, kind="device"
)


@pytest.mark.parametrize(
    ("facts", "awaits"),
    [
        ({"failure": LOST}, True),
        ({"failure": LOST, "updated_at": NOW - 60}, False),  # killed meanwhile: systemd's word is what counts
        ({"failure": LOST, "state": Lifecycle.FAILED}, False),
        ({"failure": msgspec.structs.replace(LOST, kind="engine")}, False),
        ({}, False),
    ],
)
def test_while_the_cards_are_asked_it_waits_for_them(facts: dict[str, Any], awaits: bool) -> None:
    slot = msgspec.structs.replace(SERVING, **{"state": Lifecycle.DEGRADED, **facts})
    assert sight(slot, UNIT).awaits_recovery is awaits


@pytest.mark.parametrize(
    ("door", "reason"),
    [
        (None, None),
        ({}, None),
        ({"frontdoor": {"paused": None}}, None),
        ({"frontdoor": {"paused": {"by": "pause_file", "why": None}}}, None),
        ({"frontdoor": {"paused": {"by": "control_socket", "why": "noon"}}}, "noon"),
        ({"frontdoor": {"paused": {"by": "control_socket", "why": None}}}, "paused"),
        ({"frontdoor": {"paused": {"by": "control_socket", "why": "switching to a"}}}, None),
    ],
)
def test_whose_pause_it_is(door: dict[str, Any] | None, reason: str | None) -> None:
    assert sight(door=door).paused_by_an_admin == reason


def plan(seen: Sight, **known: Any) -> Plan:
    facts: dict[str, Any] = {
        "request": Request("b", id="00000001"),
        "target": Which("b", "b" * 64),
        "judged": None,
        "sight": seen,
        "rollback_to": "a",
        "last_load_s": 88.6,
        "last_failure": None,
        "weights_bytes": 113 * 2**30,
        "available_bytes": None,
    }
    return Plan(**{**facts, **known})


def test_a_plan_says_who_would_be_waited_for() -> None:
    door = {"frontdoor": {"active_generations": 3, "queued_generations": 1}}
    text = "\n".join(plan(sight(door=door)).lines())
    assert "3 active, 1 waiting; they get 5 min, or nothing is changed" in text
    assert "weights 113.0 GiB; host memory available not known" in text
    assert "back to a" in text
    assert "not looked at yet" in text
    assert plan(sight()).as_data()["in_flight"] is None


def test_a_plan_says_what_each_card_holds_now_as_far_as_it_is_known() -> None:
    cards = (CardMemory("0000:03:00.0", 32 * 2**30, 28 * 2**30), CardMemory("0000:07:00.0", None, None))
    told = plan(sight(), cards=cards)
    assert [line.split(maxsplit=1)[1] for line in told.lines() if line.startswith("card ")] == [
        "0000:03:00.0: memory 32.0 GiB, held now 28.0 GiB",
        "0000:07:00.0: memory not known, held now not known",
    ]
    assert told.as_data()["cards"][1] == {"bdf": "0000:07:00.0", "size_bytes": None, "held_bytes": None}
    assert any("none of ours is seen" in line for line in plan(sight()).lines())


def test_a_plan_says_what_is_settled_first() -> None:
    cut_off = Journal(
        id="0000000a", request="c:id-0000000a", came_from=None, to=Which("c", "c"), served=None, began_at=1.0,
        step_at=1.0, step=Step.START,
    )  # fmt: skip
    told = plan(replace(sight(), under_way=cut_off))
    assert any(line.startswith("first ") and "the switch to c stands at start" in line for line in told.lines())
    assert told.as_data()["settled_first"] == {"to": "c", "step": "start"}
    assert plan(sight()).as_data()["settled_first"] is None


def test_a_plan_says_what_the_gate_says() -> None:
    told = plan(sight(), judged=NoOp("it serves already"))
    assert told.as_data()["why_not"] == "it serves already"
    assert any("it serves already" in line for line in told.lines())
