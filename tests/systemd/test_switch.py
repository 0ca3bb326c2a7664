"""Switching between models while clients never stop asking: nobody is cut, and one model serves whatever happens.

Asked for by `slotctl switch`, done by the unit, on a real systemd. What happens when it is killed in between is
test_switch_killed's.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from processes import until
from systemd.catalog import BAD, A, B
from systemd.installed import DOOR, SLOT, STATE, Installed
from systemd.load import Load, Sort, chat

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(120)]

WRONG = "sim-wrong"
SWITCH_DIR = "/var/lib/b70-slot-switch"


@pytest.fixture(scope="module")
def slot(installed: Installed) -> Installed:
    installed.add_profile(WRONG, MODEL_SLOT_CANARY="""'{"prompt":"2 + 2 =","contains":"no simulator says this"}'""")
    installed.start()
    installed.until_served(A)
    return installed


@dataclass(frozen=True)
class Models:
    now: str
    other: str


@pytest.fixture
def models(slot: Installed) -> Iterator[Models]:
    """Which of the two serves after the test before, and the other one. Nothing cools down."""
    slot.machine.run(["rm", "-f", f"{SWITCH_DIR}/cooldown.json"])
    now = slot.active_name()
    if now not in (A, B):  # as it stayed down
        slot.slotctl("switch", A)
        now = A
    slot.until_served(now)
    yield Models(now, B if now == A else A)
    assert not (slot.machine.root / SWITCH_DIR.lstrip("/") / "switch.json").exists(), "a switch is half-done"


def history(slot: Installed) -> list[dict[str, Any]]:
    """The newest first."""
    found: list[dict[str, Any]] = json.loads(slot.slotctl("history", "--json").stdout)
    return found


def test_there_and_back_under_load_hurts_nobody_and_costs_two_seconds(slot: Installed, models: Models) -> None:
    with Load(slot.machine) as load:
        load.until(Sort.OK, 4)
        for name in (models.other, models.now, models.other):
            slot.slotctl("switch", name)
            load.until_answered_by(name)
    load.answers.assert_nobody_was_hurt()
    assert load.answers.models == [models.now, models.other, models.now, models.other]
    # What a switch may cost at most beyond the drain, and the engine's own stop and load.
    assert statistics.median(record["ours_s"] for record in history(slot)[:3]) <= 2.0


def test_what_serves_already_needs_no_switch(slot: Installed, models: Models) -> None:
    before = slot.machine.show(SLOT, "MainPID")
    done = slot.slotctl("switch", models.now)
    assert "already" in done.stdout
    assert slot.machine.show(SLOT, "MainPID") == before


def test_an_engine_whose_snapshot_is_spoiled_is_no_stranger(slot: Installed, models: Models) -> None:
    """It writes as the slot's user, and must not keep a switch away by it."""
    pid = slot.machine.show(SLOT, "MainPID")["MainPID"]
    slot.machine.run(["kill", "-STOP", pid])  # or it writes it anew
    slot.machine.write(STATE, "{")
    try:
        words = ["env", *slot.machine.show(SLOT, "Environment")["Environment"].split(), slot.venv / "bin/slotctl"]
        done = slot.machine.run([*words, "check", "--here", models.other, "--json"], user="b70-slot", check=False)
    finally:
        slot.machine.run(["kill", "-CONT", pid])
    [report] = json.loads(done.stdout)
    found = {each["looked_at"]: each["found"] for each in report["findings"] if each["check"] == "ports"}
    assert found["engine's 127.0.0.1:18080"].startswith("held by this slot"), found


def test_a_plan_tells_and_changes_nothing(slot: Installed, models: Models) -> None:
    before = slot.machine.show(SLOT, "MainPID")
    told = json.loads(slot.slotctl("switch", models.other, "--plan", "--json").stdout)
    assert (told["from"], told["to"], told["rollback_to"]) == (models.now, models.other, models.now)
    assert slot.active_name() == models.now
    assert slot.machine.show(SLOT, "MainPID") == before


def test_a_profile_that_does_not_load_gives_way_to_the_one_before(slot: Installed, models: Models) -> None:
    with Load(slot.machine) as load:
        load.until(Sort.OK, 2)
        done = slot.slotctl("switch", BAD, check=False)
        load.until(Sort.OK, 2)
    load.answers.assert_nobody_was_hurt()
    assert (done.returncode, slot.active_name(), load.answers.models) == (1, models.now, [models.now])
    assert "does not fit" in done.stdout
    record = history(slot)[0]
    assert (record["outcome"], record["from"], record["to"]) == ("rolled_back", models.now, BAD)
    refused = slot.slotctl("switch", BAD, check=False)
    assert refused.returncode == 1
    assert "cools down" in refused.stderr


def test_a_model_that_answers_the_canary_wrongly_is_taken_out_again(slot: Installed, models: Models) -> None:
    done = slot.slotctl("switch", WRONG, check=False)
    assert (done.returncode, slot.active_name()) == (1, models.now)
    assert "no simulator says this" in done.stdout
    slot.until_served(models.now)


def test_without_a_way_back_it_stays_down_and_the_door_says_why(slot: Installed, models: Models) -> None:
    done = slot.slotctl("switch", BAD, "--no-rollback", check=False)
    assert (done.returncode, slot.active_name()) == (1, BAD)
    assert history(slot)[0]["outcome"] == "down"
    outcome = chat(slot.machine)
    assert outcome.sort is Sort.REFUSED
    assert "paus" not in outcome.words


def test_a_generation_that_outlasts_the_drain_keeps_its_model(slot: Installed, models: Models) -> None:
    before = slot.machine.show(SLOT, "MainPID")
    with Load(slot.machine, tokens=200) as load:
        load.until(Sort.OK)
        done = slot.slotctl("switch", models.other, "--drain-timeout", "0", check=False)
    load.answers.assert_nobody_was_hurt()
    assert done.returncode == 1
    assert slot.machine.show(SLOT, "MainPID") == before
    assert history(slot)[0]["outcome"] == "not_drained"
    slot.until_served(models.now)


def test_forced_it_is_cut_and_told(slot: Installed, models: Models) -> None:
    with Load(slot.machine, tokens=200) as load:
        load.until(Sort.OK)
        slot.slotctl("switch", models.other, "--drain-timeout", "0", "--force")
        load.until_answered_by(models.other)
    assert not load.answers.of(Sort.FAILED), str(load.answers)
    assert load.answers.count(Sort.CUT) <= 3  # one for each client


def test_two_at_once_do_not_interleave(slot: Installed, models: Models) -> None:
    with Load(slot.machine, tokens=200) as load:
        load.until(Sort.OK)
        first = slot.popen_slotctl("switch", models.other)
        until(lambda: progress_of(slot).get("step") == "drain" or None, lambda: f"a drain: {progress_of(slot)}")
        second = slot.slotctl("switch", BAD, check=False)
        # past the command line's own look: the lock decides
        unit = f"b70-slot-switch@{BAD}:id-0badcafe.service"
        slot.machine.systemctl("start", unit, check=False)
        told, _ = first.communicate(timeout=60)
    assert second.returncode == 73, second.stderr
    assert first.returncode == 0, told
    refused = next(record for record in history(slot) if record["id"] == "0badcafe")
    assert (refused["outcome"], refused["exit_code"]) == ("refused", 73)
    slot.until_served(models.other)


def progress_of(slot: Installed) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((slot.machine.root / "run/b70-slot-switch/progress.json").read_bytes())
    except FileNotFoundError:
        return {}
    return found


def test_who_asked_may_leave(slot: Installed, models: Models) -> None:
    asking = slot.popen_slotctl("switch", models.other)
    until(lambda: progress_of(slot).get("step") == "start" or None, lambda: f"a start: {progress_of(slot)}")
    asking.kill()
    asking.communicate()
    slot.until_served(models.other)


def test_an_admins_own_pause_is_there_afterwards(slot: Installed, models: Models) -> None:
    slot.slotctl("pause", "back at noon")
    try:
        said = slot.slotctl("switch", models.other).stdout.splitlines()[-1]
        assert said.endswith("; the door stays paused: back at noon"), said
        outcome = chat(slot.machine)
        assert (outcome.sort, slot.active_name()) == (Sort.REFUSED, models.other)
        assert "back at noon" in outcome.words
    finally:
        slot.slotctl("resume")


def test_without_a_door_it_switches_all_the_same(slot: Installed, models: Models) -> None:
    slot.machine.systemctl("stop", DOOR, f"{DOOR.removesuffix('.service')}.socket")
    try:
        slot.slotctl("switch", models.other)
        assert slot.active_name() == models.other
    finally:
        slot.start()


def test_bad_requests_touch_nothing(slot: Installed, models: Models) -> None:
    before = slot.machine.show(SLOT, "MainPID")
    for request in ("../../etc/passwd", "no-such-profile", f"{models.other}:sudo"):
        done = slot.slotctl("switch-now", request, check=False)
        assert done.returncode in (2, 66), done.stderr
        assert "Traceback" not in done.stderr
    assert slot.machine.show(SLOT, "MainPID") == before
