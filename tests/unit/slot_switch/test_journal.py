"""The files of a switch: what comes back is what was written, and what is no journal is told so."""

from __future__ import annotations

from pathlib import Path

import pytest

from slot.profiles.catalog import Catalog
from slot.profiles.profile import Profile
from slot.switch.gate import which
from slot.switch.journal import Desk, UnreadableJournal
from slot.switch.steps import Fault, Journal, Outcome, Step, Which

A, B = Which("a", "a" * 64), Which("b", "b" * 64)
JOURNAL = Journal(
    id="00000001",
    request="b:id-00000001",
    came_from=A,
    to=B,
    served=A,
    began_at=1.0,
    step=Step.UNDO_START,
    step_at=2.0,
    outcome=Outcome.DOWN,
    why="why",
    fault=Fault(Step.START, "why", is_device=True),
    timings={"check": 0.5},
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "made")


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    text = "MODEL_SLOT_NAME=one\nMODEL_SLOT_STATUS=test\nMODEL_SLOT_STATUS_REASON=why\nMODEL_SLOT_ENGINE=simulator\n"
    more = (
        "MODEL_SLOT_HF_ID=simulated/one\nMODEL_SLOT_MODALITIES=text\nSERVE_MAX_NUM_SEQS=4\nSERVE_MAX_MODEL_LEN=4096\n"
    )
    (tmp_path / "one.env").write_text(text + more)
    return Catalog(tmp_path).load("one")


def test_there_and_back(desk: Desk) -> None:
    assert desk.journal() is None
    desk.write_journal(JOURNAL)
    assert desk.journal() == JOURNAL
    desk.close_journal()
    assert desk.journal() is None
    desk.close_journal()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"id": 3}'])
def test_what_is_no_journal_is_told_so(desk: Desk, text: str) -> None:
    desk.directory.mkdir()
    desk.journal_file.write_text(text)
    with pytest.raises(UnreadableJournal, match=r"switch\.json .* remove the file"):
        desk.journal()


def test_another_versions_journal_is_not_guessed_at(desk: Desk) -> None:
    desk.write_journal(JOURNAL)
    desk.journal_file.write_text(desk.journal_file.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(UnreadableJournal, match="version 2"):
        desk.journal()


def test_what_was_to_come_has_served(desk: Desk, profile: Profile) -> None:
    assert desk.served() is None
    desk.write_next(profile)
    desk.next_has_served()
    assert desk.served() == which(profile)
    desk.next_has_served()  # killed after the first time, it is done again
    assert desk.served() == which(profile)


def test_a_profile_that_cannot_be_read_is_no_way_back(desk: Desk) -> None:
    desk.directory.mkdir()
    desk.served_file.write_text("MODEL_SLOT_NAME=\n")
    assert desk.served() is None
