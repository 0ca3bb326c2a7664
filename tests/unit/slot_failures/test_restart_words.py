from __future__ import annotations

import logging
from pathlib import Path

import pytest

from slot.failures.restart_words import restart_words
from slot.failures.signature import Kind
from slot.failures.trouble import Crashed, NotStarted, Trouble
from slot.state import Failure
from slot.supervisor.case import Case


def failure(kind: str | None, *, restart_can_help: bool) -> Failure:
    return Failure(
        cause="", detail="", remedy="", restart_can_help=restart_can_help, exit_code=1, signal=None, at=0.0, kind=kind
    )


@pytest.mark.parametrize("kind", [*Kind, "a later version's", None])
@pytest.mark.parametrize("can_help", [True, False])
def test_the_words_say_what_the_failure_says(kind: str | None, can_help: bool) -> None:
    words = restart_words(failure(kind, restart_can_help=can_help))
    assert words.startswith("can help") is can_help
    assert ("does not help" in words) is not can_help


def test_a_card_is_asked_first() -> None:
    assert "probe" in restart_words(failure("device", restart_can_help=False))


@pytest.mark.parametrize(
    ("trouble", "lines", "said"),
    [
        (Crashed(1), [], "A restart can help"),
        (NotStarted("no such file"), [], "A restart does not help: the same start ends the same way"),
        (Crashed(1), ["UR_RESULT_ERROR_DEVICE_LOST"], "A restart alone does not help: the cards must answer"),
    ],
)
def test_the_journal_says_it(
    trouble: Trouble, lines: list[str], said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        Case("sim", tmp_path).open(trouble, lines, None)
    [message] = caplog.messages
    assert said in message
