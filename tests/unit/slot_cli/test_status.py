import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from snapshots import FAILURE, snapshot

from slot.cli.sight import Sight
from slot.cli.status import by_socket, profile_problems
from slot.cli.status_lines import duration, lines_of
from slot.state import (
    STALE_AFTER_S,
    CardFacts,
    Lifecycle,
    LoadPhase,
    Notice,
    Pulse,
    Recovery,
    RecoveryStage,
    SlotState,
)
from slot.units import UnitSight

NOW = 1000.0


def slot(state: Lifecycle, *, age_s: float = 0.0, **more: Any) -> SlotState:
    return snapshot(state, since=NOW - 300, updated_at=NOW - age_s, **more)


@pytest.fixture
def dripping(tmp_path: Path) -> Iterator[Path]:
    """A control socket that answers for ever, one blank at a time."""

    def drip() -> None:
        with suppress(OSError), listening.accept()[0] as connection:
            while True:
                connection.sendall(b" ")
                time.sleep(0.02)

    path = tmp_path / "control.sock"
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(path))
        listening.listen()
        dripper = threading.Thread(target=drip)
        dripper.start()
        yield path
        listening.shutdown(socket.SHUT_RDWR)
        dripper.join()


@pytest.mark.timeout(20)
def test_a_control_socket_that_drips_is_not_waited_for_for_ever(dripping: Path) -> None:
    body, words = by_socket(dripping)
    assert body is None
    assert words.endswith(f"nobody answers at {dripping}")


def door(*, ok: bool) -> dict[str, Any]:
    counts = {"active_generations": 2, "max_active_generations": 8, "queued_generations": 1}
    return {"ok": ok, "message": None if ok else "paused", "frontdoor": counts}


SERVING, LOADING, STOPPED, FAILED = (
    slot(each) for each in (Lifecycle.SERVING, Lifecycle.LOADING, Lifecycle.STOPPED, Lifecycle.FAILED)
)
OLD = STALE_AFTER_S + 1


@pytest.mark.parametrize(
    ("found", "frontdoor", "code"),
    [
        (None, None, 69),
        (None, door(ok=True), 0),
        (None, door(ok=False), 69),
        (SERVING, None, 0),
        (SERVING, door(ok=True), 0),
        (SERVING, door(ok=False), 1),
        (LOADING, None, 1),
        (LOADING, door(ok=False), 1),
        (STOPPED, None, 69),
        (STOPPED, door(ok=False), 69),
        (FAILED, None, 1),
        (FAILED, door(ok=False), 1),
        (slot(Lifecycle.SERVING, age_s=STALE_AFTER_S), None, 0),
        (slot(Lifecycle.SERVING, age_s=OLD), None, 69),
        (slot(Lifecycle.LOADING, age_s=OLD), None, 69),
        (slot(Lifecycle.FAILED, age_s=OLD), None, 1),
        (slot(Lifecycle.STOPPED, age_s=OLD), None, 69),
    ],
)
def test_the_exit_code_says_whether_it_serves(
    found: SlotState | None, frontdoor: dict[str, Any] | None, code: int
) -> None:
    assert Sight(found, frontdoor, "http://127.0.0.1:8000", NOW).exit_code == code


UP, STARTING, DOWN = (
    UnitSight("loaded", active, sub, "start-limit-hit", 66, 0, "enabled", "")
    for active, sub in (("active", "running"), ("activating", "auto-restart"), ("failed", "failed"))
)


@pytest.mark.parametrize(
    ("unit", "frontdoor", "health", "code"),
    [
        (None, None, None, 0),  # not installed: the slot alone serves
        (UP, None, None, 0),  # it runs, and this user cannot ask it
        (STARTING, None, None, 69),
        (DOWN, None, None, 69),
        (DOWN, door(ok=True), None, 0),  # who answers is there
        (DOWN, None, True, 0),
    ],
)
def test_a_slot_whose_frontdoor_does_not_run_serves_nobody(
    unit: UnitSight | None, frontdoor: dict[str, Any] | None, health: bool | None, code: int
) -> None:
    sight = Sight(SERVING, frontdoor, "http://127.0.0.1:8000", NOW, health, door=unit)
    assert sight.exit_code == code
    assert any("systemctl start b70-openai-frontdoor.service" in line for line in lines_of(sight)) is (code == 69)


def test_the_problems_of_the_active_profile_are_told_with_their_places(tmp_path: Path) -> None:
    active = tmp_path / "current.env"
    active.write_text("MODEL_SLOT_NAME=x\nMODEL_SLOT_HF_ID=a/b\nMODEL_SLOT_STATUS=test\nSERVE_MAX_MODEL_LENN=5\n")
    problems = profile_problems(active, is_wanted=True)
    assert any(each.startswith(f"{active}:4: SERVE_MAX_MODEL_LENN: found ") for each in problems), problems
    told = "\n".join(lines_of(Sight(STOPPED, None, "http://127.0.0.1:8000", NOW, profile_problems=problems)))
    assert all(f"  found    {each}" in told for each in problems)


@pytest.mark.parametrize(("is_wanted", "number"), [(True, 1), (False, 0)])
def test_a_service_without_a_profile_is_told_so(tmp_path: Path, is_wanted: bool, number: int) -> None:
    assert len(profile_problems(tmp_path / "current.env", is_wanted=is_wanted)) == number


@pytest.mark.parametrize(
    ("unit", "found", "is_abandoned"),
    [
        (UnitSight("loaded", "active", "running", "success", 0, 4711, "enabled", ""), SERVING, False),
        (UnitSight("loaded", "activating", "auto-restart", "signal", 9, 0, "enabled", ""), SERVING, True),
        (UnitSight("loaded", "activating", "auto-restart", "signal", 9, 0, "enabled", ""), LOADING, True),
        (UnitSight("loaded", "activating", "auto-restart", "exit-code", 1, 0, "enabled", ""), FAILED, False),
        (UnitSight("loaded", "inactive", "dead", "success", 0, 0, "enabled", ""), SERVING, False),
    ],
)
def test_a_supervisor_that_systemd_waits_to_start_again_serves_nothing(
    unit: UnitSight, found: SlotState, is_abandoned: bool
) -> None:
    """Killed, it has left a snapshot that is fresh for a while; what it says does not hold any more."""
    sight = Sight(found, door(ok=True), "http://127.0.0.1:8000", NOW, unit=unit)
    assert sight.is_abandoned is is_abandoned
    assert ("gone" in next(iter(lines_of(sight)))) is is_abandoned


@pytest.mark.parametrize(
    ("found", "health", "code"),
    [(None, True, 0), (None, False, 69), (SERVING, True, 0), (SERVING, False, 1), (STOPPED, False, 69)],
)
def test_a_frontdoor_that_wants_a_key_still_says_whether_it_admits(
    found: SlotState | None, health: bool, code: int
) -> None:
    sight = Sight(found, None, "http://127.0.0.1:8000", NOW, health, "it wants a key; do this")
    assert sight.exit_code == code
    answer = "admitting" if health else "refusing"
    assert list(lines_of(sight))[-2:] == [
        f"frontdoor  {answer}  http://127.0.0.1:8000",
        "  now      not told: it wants a key; do this",
    ]


@pytest.mark.parametrize(
    ("found", "frontdoor", "said"),
    [
        (None, None, "slot       none"),
        (None, None, "frontdoor  no status at http://127.0.0.1:8000: no frontdoor answers"),
        (SERVING, door(ok=True), "slot       serving  tiny-cpu, for 5 min"),
        (SERVING, door(ok=True), "  now      2 of 8 generations, 1 waiting"),
        (SERVING, door(ok=False), "frontdoor  refusing: paused"),
        (
            slot(Lifecycle.LOADING, phase=LoadPhase.GRAPH_CAPTURE, progress=0.8, eta_s=4.0),
            None,
            "  load     graph capture, 80%, about 4 s left",
        ),
        (slot(Lifecycle.FAILED, failure=FAILURE), None, "  cause    the GPU was lost"),
        (slot(Lifecycle.FAILED, failure=FAILURE), None, "  do       reset it"),
        (slot(Lifecycle.FAILED, failure=FAILURE), None, "  restart  "),
        (slot(Lifecycle.SERVING, age_s=OLD), None, "slot       gone  tiny-cpu: no word from its supervisor for 11 s"),
    ],
)
def test_each_fact_has_a_line(found: SlotState | None, frontdoor: dict[str, Any] | None, said: str) -> None:
    lines = list(lines_of(Sight(found, frontdoor, "http://127.0.0.1:8000", NOW)))
    assert any(line.startswith(said) for line in lines), lines


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_durations_are_in_the_largest_unit_that_fits_twice(seconds: float, said: str) -> None:
    assert duration(seconds) == said


CARDS = (CardFacts(bdf="0000:03:00.0", verdict="wedged", words="no answer in 30 s"),)
BUSY = Pulse(running=3, waiting=1, tokens=9, beat_at=NOW - 15, allowance_s=600)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"failure": replace(FAILURE, next_step="slotctl recover")}, "  next     slotctl recover"),
        ({"failure": replace(FAILURE, incident="/incidents/1")}, "  kept in  /incidents/1"),
        (
            {"recovery": Recovery(stage=RecoveryStage.QUIET, until=NOW + 42)},
            "  cards    left alone after a device fault, 42 s left",
        ),
        (
            {"recovery": Recovery(stage=RecoveryStage.DONE, cards=CARDS)},
            "           0000:03:00.0 wedged: no answer in 30 s",
        ),
        ({"restarts": 1}, "  again    1 start after a failure"),
        ({"pulse": replace(BUSY, running=0, waiting=0)}, "  pulse    idle, moved 15 s ago"),
        ({"pulse": BUSY}, "  pulse    3 running, 1 waiting"),
        (
            {"pulse": replace(BUSY, beat_at=NOW - 16)},
            "  pulse    3 running, 1 waiting: no progress for 16 s; after 10 min it counts as hung",
        ),
        (
            {"warnings": (Notice(name="igc", kind="benign", words="it is slow", first_at=0, count=1),)},
            "  note     it is slow",
        ),
        (
            {"warnings": (Notice(name="nan", kind="quality", words="it is wrong", first_at=0, count=3),)},
            "  alarm    it is wrong (3 times)",
        ),
    ],
)
def test_what_the_supervisor_knows_is_told(facts: dict[str, Any], said: str) -> None:
    assert said in lines_of(Sight(slot(Lifecycle.SERVING, **facts), None, "http://127.0.0.1:8000", NOW))


def test_a_slot_that_is_gone_has_no_pulse() -> None:
    gone = slot(Lifecycle.SERVING, age_s=OLD, pulse=BUSY)
    assert not any("pulse" in line for line in lines_of(Sight(gone, None, "http://127.0.0.1:8000", NOW)))


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        (("active", "running", "success", "enabled"), "active (running), starts at boot"),
        (("activating", "auto-restart", "exit-code", "enabled"), "activating (auto-restart), starts at boot"),
        (("failed", "failed", "start-limit-hit", "disabled"), "failed (start-limit-hit), not started at boot"),
    ],
)
def test_what_systemd_says_is_told(unit: tuple[str, str, str, str], said: str) -> None:
    active, sub, result, enabled = unit
    sight = UnitSight("loaded", active, sub, result, 0, 1, enabled, "")
    assert f"  unit     {said}" in lines_of(Sight(SERVING, None, "http://127.0.0.1:8000", NOW, unit=sight))
