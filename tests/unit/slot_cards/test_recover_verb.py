from __future__ import annotations

from pathlib import Path

import pytest
from snapshots import snapshot

from slot.cards import climbed
from slot.cards.holders import Holder
from slot.cards.ladder import RUNGS, Done, Rung
from slot.cards.sysfs import Card
from slot.cli.quiet import quiet_s
from slot.cli.recover import Sight, as_data, lines, look
from slot.cli.recover_rungs import slot_here
from slot.cli.refusal import Refused
from slot.exit_codes import ExitCode
from slot.paths import Paths
from slot.state import Lifecycle, encode

PROFILE = """MODEL_SLOT_NAME=one
MODEL_SLOT_STATUS=test
MODEL_SLOT_HF_ID=nobody/one
MODEL_SLOT_VENV=/nowhere
SERVE_MAX_NUM_SEQS=1
"""

CARD = Card("0000:03:00.0", "renderD128", "8086:e223", "xe", "ok")
HOLDER = Holder(7, 990, "vllm serve", CARD.bdf, 5 << 30)
STOPPED = Done(Rung.STOP, True, "nobody is left", at=0.0)


def test_lines() -> None:
    said = lines(Sight("device lost", [CARD], [HOLDER], [STOPPED]))
    assert said[:5] == [
        "the slot failed: device lost",
        "cards:",
        "  0000:03:00.0 8086:e223, driver xe, health ok",
        "who has them open:",
        "  vllm serve (pid 7) holds 5120 MiB of 0000:03:00.0",
    ]
    assert [line[:11] for line in said if line[2:4] in ("1 ", "2 ", "3 ", "4 ", "5 ", "6 ")] == [
        "  1 stop   ",
        "> 2 quiet  ",
        "  3 probe  ",
        "  4 rebind ",
        "  5 check  ",
        "  6 reboot ",
    ]
    assert said[7].endswith("stop helped: nobody is left")
    assert said[-1] == "next: slotctl recover --next"


@pytest.mark.parametrize(
    ("done", "last"),
    [
        ([], "next: slotctl recover --next"),
        ([Done(Rung.PROBE, False, "", 0.0)], "next: slotctl recover --next --yes"),
        ([Done(Rung.REBIND, False, "", 0.0)], "next: reboot this host when it suits. Nothing less will help"),
        ([Done(Rung.CHECK, True, "", 0.0)], "the slot is recovered"),
    ],
)
def test_how_to_go_on(done: list[Done], last: str) -> None:
    assert lines(Sight("", [], [], done))[-1] == last


def test_whoever_serves_is_sent_nowhere() -> None:
    assert lines(Sight("", [], [], [], is_serving=True))[-1] == "next: nothing, it serves"
    assert lines(Sight("", [], [], [Done(Rung.CHECK, True, "", 0.0)], is_serving=True))[-1] == "the slot is recovered"


@pytest.mark.parametrize("simulates", [True, False])
def test_the_unit_says_whether_the_cards_are_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, simulates: bool
) -> None:
    """The snapshot is the slot's user's: it could keep the real cards from being bound anew."""
    program = tmp_path / "systemctl"
    run = "argv[]=slotctl run --simulate" if simulates else "argv[]=slotctl run"
    program.write_text(f"#!/bin/sh\necho 'ExecStart={{ path=slotctl ; {run} ; }}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    paths = Paths(tmp_path / "run", tmp_path / "data", tmp_path, tmp_path / "current.env")
    paths.active_profile.write_text(PROFILE)
    for file in (paths.state_file, paths.data_dir / "x"):
        file.parent.mkdir(parents=True)
    paths.state_file.write_bytes(encode(snapshot(Lifecycle.FAILED, simulated=not simulates)))
    assert slot_here(paths, 0.0, lambda _: None).command.simulated is simulates


def test_data() -> None:
    data = as_data(Sight("", [CARD], [], [STOPPED]))
    assert (data["failure"], data["next"], data["cards"][0]["bdf"]) == (None, "quiet", CARD.bdf)
    assert [step["rung"] for step in data["steps"]] == list(RUNGS)
    assert data["steps"][0]["done"] == [{"helped": True, "words": "nobody is left", "at": 0.0}]


@pytest.mark.parametrize(("said", "seconds"), [(None, 60), ("", 60), ("0", 0), ("0.5", 0.5), ("3600", 3600)])
def test_quiet(said: str | None, seconds: float) -> None:
    assert quiet_s({} if said is None else {"SLOT_QUIET_S": said}) == seconds


@pytest.mark.parametrize("said", ["-1", "3601", "soon", "nan", "inf"])
def test_no_quiet(said: str) -> None:
    with pytest.raises(Refused) as refused:
        quiet_s({"SLOT_QUIET_S": said})
    assert refused.value.code is ExitCode.CONFIG


@pytest.mark.parametrize(("failed_at", "kept"), [(None, (STOPPED,)), (-1.0, (STOPPED,)), (0.0, (STOPPED,)), (0.1, ())])
def test_a_new_failure_begins_at_the_bottom(failed_at: float | None, kept: tuple[Done, ...]) -> None:
    assert climbed.of_this_failure([STOPPED], failed_at) == kept
    assert climbed.of_this_failure([], failed_at) == ()


def test_what_was_done_is_remembered(tmp_path: Path) -> None:
    directory = tmp_path / "new"
    assert climbed.read(directory) == ()
    climbed.write(directory, [STOPPED])
    assert climbed.read(directory) == (STOPPED,)
    (directory / climbed.FILE_NAME).write_text("{")
    assert climbed.read(directory) == ()


def test_looking_changes_nothing(tmp_path: Path) -> None:
    sight = look(Paths(tmp_path / "run", tmp_path / "data", tmp_path, tmp_path / "current.env"))
    assert (sight.failure, sight.done, sight.next) == ("", (), Rung.STOP)
    assert list(tmp_path.iterdir()) == []
