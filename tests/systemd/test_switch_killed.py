"""A switch that is killed (SIGKILL) when it comes to a step, or in the middle of one: it is finished or undone.

It is killed when the journal that names the step is on the disk and the step has not begun; which is also the moment
when the step before is done and nobody has noted it. Three come to find it, in turn: systemd, that starts the unit
again; an admin, who wants another model meanwhile; and a boot, after the power was cut.

Whoever it was: one model serves, the door is open, no journal is left, and the history has one line for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from processes import until
from systemd.catalog import BAD, A, B
from systemd.installed import SLOT, SWITCH, Installed
from systemd.load import Load, Sort, chat

from slot.switch.steps import Step

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(120)]

C = "sim-c"
SCRIPT = "/opt/killed_switch.py"
MARKED = "/var/lib/killed-switch"
SWITCH_DIR = "var/lib/b70-slot-switch"
TEMPLATE = SWITCH.format("")


class Finder(StrEnum):
    SYSTEMD = "systemd"
    AN_ADMIN = "an admin"
    A_BOOT = "a boot"


FORWARD = [
    Step.PAUSE,
    Step.DRAIN,
    Step.STOP,
    Step.FREE,
    Step.WRITE,
    Step.START,
    Step.VERIFY,
    Step.RESUME,
    Step.RECORD,
]
UNDOING = [Step.UNDO_STOP, Step.UNDO_FREE, Step.UNDO_WRITE, Step.UNDO_START, Step.UNDO_VERIFY, Step.COOL]
FOUND = list(zip((*FORWARD, *UNDOING), cycle(Finder), strict=False))


@dataclass(frozen=True)
class Models:
    """`now` serves; it is to be `then`, and an admin who comes in between wants the `other`."""

    now: str
    then: str
    other: str


@pytest.fixture(scope="module")
def slot(installed: Installed) -> Installed:
    script = Path(__file__).with_name("killed_switch.py").read_text()
    installed.machine.write(SCRIPT, script)
    installed.machine.write(MARKED, "")
    installed.add_profile(C)
    run = f"[Service]\nExecStart=\nExecStart={installed.venv}/bin/python {SCRIPT} {MARKED} %i\n"
    installed.drop_in(TEMPLATE, f"{run}ReadWritePaths={MARKED}\n")
    installed.drop_in(SLOT, "[Unit]\nStartLimitIntervalSec=0\n", "98-no-limit")
    installed.start()
    return installed


@pytest.fixture
def models(slot: Installed) -> Models:
    """Whichever serves after the test before; nothing is half-done, and nothing cools down."""
    slot.machine.write(MARKED, "")
    slot.machine.run(["rm", "-f", f"/{SWITCH_DIR}/cooldown.json"])
    slot.drop_out(TEMPLATE, "98-alone")
    now = slot.active_name()
    slot.until_served(now)
    then, other = sorted({A, B, C} - {now})
    return Models(now, then, other)


@pytest.mark.parametrize(("number", "step", "finder"), [(number, *found) for number, found in enumerate(FOUND)])
def test_killed_at_a_step(slot: Installed, models: Models, number: int, step: Step, finder: Finder) -> None:
    id_ = f"{number:08x}"
    slot.machine.write(MARKED, step)
    begin(slot, f"{models.then if step in FORWARD else BAD}:id-{id_}", finder)
    until(lambda: slot.machine.read(MARKED).strip() == "" or None, lambda: f"it to come to {step}: {story(slot)}")
    is_found_by(slot, finder, models)
    if finder is Finder.AN_ADMIN:
        all_is_well(slot, id_, models.other)
    elif finder is Finder.A_BOOT:
        all_is_well(slot, id_, models.then if step in (Step.RESUME, Step.RECORD) else models.now)
    else:
        all_is_well(slot, id_, models.then if step in FORWARD else models.now)


@pytest.mark.parametrize("finder", list(Finder))
def test_killed_in_the_middle_of_a_load(slot: Installed, models: Models, finder: Finder) -> None:
    id_ = f"000001{list(Finder).index(finder):02x}"
    unit = begin(slot, f"{models.then}:id-{id_}", finder)
    until(lambda: is_loading(slot, models.then) or None, lambda: f"a load: {story(slot)}")
    slot.machine.systemctl("kill", "--signal=KILL", unit)
    is_found_by(slot, finder, models)
    serves = {Finder.SYSTEMD: models.then, Finder.AN_ADMIN: models.other, Finder.A_BOOT: models.now}
    all_is_well(slot, id_, serves[finder])


def test_killed_in_the_middle_of_a_drain_nobody_is_hurt(slot: Installed, models: Models) -> None:
    with Load(slot.machine, streams=2, tokens=200) as load:
        load.until(Sort.OK, 1)
        unit = begin(slot, f"{models.then}:id-000002aa", Finder.SYSTEMD)
        until(lambda: step_of(slot) == Step.DRAIN or None, lambda: f"a drain: {story(slot)}")
        slot.machine.systemctl("kill", "--signal=KILL", unit)
        load.until_answered_by(models.then)
    load.answers.assert_nobody_was_hurt()
    all_is_well(slot, "000002aa", models.then)


def test_one_that_was_stopped_waits_for_its_admin(slot: Installed, models: Models) -> None:
    """`systemctl stop`, and so a shutdown: it leaves at once, and nobody starts it again."""
    unit = begin(slot, f"{models.then}:id-000003aa", Finder.SYSTEMD)
    until(lambda: is_loading(slot, models.then) or None, lambda: f"a load: {story(slot)}")
    slot.machine.systemctl("stop", unit)
    assert step_of(slot) == Step.START
    told = slot.slotctl("settle")
    assert "rolled_back" in told.stdout
    all_is_well(slot, "000003aa", models.now)


def begin(slot: Installed, request: str, finder: Finder) -> str:
    """The switch's unit. Whoever shall find it half-done must not be forestalled by systemd."""
    if finder is not Finder.SYSTEMD:
        slot.drop_in(TEMPLATE, "[Service]\nRestart=no\n", "98-alone")
    unit = SWITCH.format(request)
    slot.machine.systemctl("start", "--no-block", unit)
    return unit


def is_found_by(slot: Installed, finder: Finder, models: Models) -> None:
    match finder:
        case Finder.SYSTEMD:
            pass  # in a moment, by itself
        case Finder.AN_ADMIN:
            until(lambda: no_switch_is_at_work(slot) or None, lambda: f"it to be dead: {story(slot)}")
            done = slot.slotctl("switch", models.other, "--force", check=False)
            assert done.returncode == 0, f"{done.stdout}{done.stderr}{story(slot)}"
        case Finder.A_BOOT:
            slot.machine.cut_power()


def all_is_well(slot: Installed, id_: str, serves: str) -> None:
    until(lambda: not journal_of(slot).exists() or None, lambda: f"no journal: {story(slot)}")
    slot.until_served(serves)
    assert slot.active_name() == serves
    assert chat(slot.machine).sort is Sort.OK
    lines = (slot.machine.root / SWITCH_DIR / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines].count(id_) == 1


def no_switch_is_at_work(slot: Installed) -> bool:
    listed = slot.machine.systemctl(
        "list-units", "--plain", "--no-legend", "--state=active,activating,deactivating", SWITCH.format("*")
    )
    return not listed.stdout.strip()


def journal_of(slot: Installed) -> Path:
    return slot.machine.root / SWITCH_DIR / "switch.json"


def step_of(slot: Installed) -> str:
    return journal_in(slot).get("step", "")


def journal_in(slot: Installed) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(journal_of(slot).read_bytes())
    except FileNotFoundError:
        return {}
    return found


def is_loading(slot: Installed, name: str) -> bool:
    state = slot.state()
    return state is not None and (state.state, state.profile.name) == ("loading", name)


def story(slot: Installed) -> str:
    """For the report of a test that waits in vain."""
    switches = slot.machine.run(["journalctl", "--no-pager", "-n", "40", "-u", SWITCH.format("*")]).stdout
    return f"{journal_in(slot)}\n{switches}"
