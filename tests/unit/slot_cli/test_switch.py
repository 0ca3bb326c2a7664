import os
import subprocess
import sys
from pathlib import Path

import pytest
from switch_records import record

from slot import drain_limits
from slot.cli.asking import who
from slot.cli.refusal import Refused
from slot.cli.switch import Wishes, before_the_active
from slot.paths import Paths
from slot.switch import history, request
from slot.switch.history import Record
from slot.switch.journal import Desk
from slot.switch.steps import Outcome


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    (tmp_path / "run").mkdir()
    return Paths(tmp_path / "run", tmp_path / "data", tmp_path, tmp_path / "current.env")


def switched(number: int, came_from: str, to: str, outcome: Outcome = Outcome.SWITCHED) -> Record:
    return record(outcome, id=f"{number:08x}", came_from=came_from, to=to)


@pytest.mark.parametrize(
    ("past", "active", "target"),
    [
        ([switched(1, "a", "b")], "b", "a"),
        ([switched(1, "a", "b"), switched(2, "b", "a")], "a", "b"),
        ([switched(1, "a", "b"), switched(2, "b", "c", Outcome.ROLLED_BACK)], "b", "a"),
    ],
)
def test_going_back_is_to_what_served_before(past: list[Record], active: str, target: str, paths: Paths) -> None:
    for each in past:
        history.append(Desk(paths.switch_dir).history_file, each)
    paths.active_profile.write_text(f"MODEL_SLOT_NAME={active}\nMODEL_SLOT_HF_ID=simulated/x\nMODEL_SLOT_STATUS=test\n")
    assert before_the_active(paths) == target


def test_after_one_that_left_nothing_serving_it_is_to_what_served_last(paths: Paths) -> None:
    """a, then b, then a again without a switch that says so (a settled one), then c, which took it down."""
    desk, refused = Desk(paths.switch_dir), switched(4, "c", "d", Outcome.REFUSED)
    for each in (switched(1, "b", "a"), switched(2, "a", "b"), switched(3, "a", "c", Outcome.DOWN), refused):
        history.append(desk.history_file, each)
    text = "MODEL_SLOT_NAME={}\nMODEL_SLOT_HF_ID=simulated/x\nMODEL_SLOT_STATUS=test\n"
    text += "MODEL_SLOT_STATUS_REASON=x\nMODEL_SLOT_ENGINE=simulator\nMODEL_SLOT_MODALITIES=text\n"
    text += "SERVE_MAX_MODEL_LEN=4096\nSERVE_MAX_NUM_SEQS=4\n"
    desk.served_file.write_text(text.format("b"))
    paths.active_profile.write_text(text.format("c"))
    assert before_the_active(paths) == "b"


@pytest.mark.parametrize("past", [[], [switched(1, "a", "b", Outcome.REFUSED)]])
def test_where_nothing_else_served_there_is_nothing_to_go_back_to(past: list[Record], paths: Paths) -> None:
    for each in past:
        history.append(Desk(paths.switch_dir).history_file, each)
    with pytest.raises(Refused) as refused:
        before_the_active(paths)
    assert refused.value.code == 66


@pytest.mark.parametrize(
    ("sudo", "uid"),
    [("1000", 1000), ("", os.getuid()), ("root", os.getuid()), ("4294967294", 4294967294), ("4294967295", None)],
)
def test_behind_sudo_it_is_the_persons_wish(sudo: str, uid: int | None) -> None:
    assert who({"SUDO_UID": sudo}) == uid


def test_the_help_imports_no_switch_for_one_number() -> None:
    code = "import sys, slot.cli.app; sys.exit(any(name.startswith('slot.switch') for name in sys.modules))"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "facts",
    [{"drain_timeout_s": drain_limits.LONGEST_DRAIN_S}, {"drain_timeout_s": 0}, {"by_uid": request.LARGEST_UID}],
)
def test_what_may_be_asked_for_has_room_in_a_request(facts: dict[str, int]) -> None:
    asked = request.Request("sim-b", **facts)  # type: ignore[arg-type]
    assert request.parse(request.instance(asked)) == asked


def test_each_wish_reaches_the_unit() -> None:
    wishes = Wishes(force=True, drain_timeout_s=60, no_rollback=True, allow_unproven=True)
    asked = wishes.request("sim-b", restart=True)
    assert request.parse(request.instance(asked)) == asked
