import pytest

from slot.cli.logs import journalctl
from slot.cli.options import UNIT_WORDS
from slot.cli.refusal import Refused

QUIET = {"follow": False, "number": None, "since": None, "as_json": False}
SLOT, DOOR, SOCKET = "b70-vllm-slot.service", "b70-openai-frontdoor.service", "b70-openai-frontdoor.socket"
SWITCH = ["--unit=b70-slot-switch@*.service", "--unit=b70-slot-switch@.service"]


@pytest.mark.parametrize(
    ("what", "units"),
    [
        ((), [f"--unit={SLOT}", f"--unit={DOOR}", f"--unit={SOCKET}", *SWITCH]),
        (("slot",), [f"--unit={SLOT}"]),
        (("switch", "slot"), [*SWITCH, f"--unit={SLOT}"]),
    ],
)
def test_each_word_is_units(what: tuple[str, ...], units: list[str]) -> None:
    assert [word for word in journalctl(what, **QUIET) if word.startswith("--unit")] == units  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ["--lines=50"]),
        ({"number": 0}, ["--lines=0"]),
        ({"since": "-1h"}, ["--since=-1h"]),
        ({"since": "-1h", "number": 5}, ["--since=-1h", "--lines=5"]),
        ({"follow": True}, ["--lines=50", "--follow"]),
        ({"as_json": True}, ["--output=json", "--lines=50"]),
    ],
)
def test_each_option_is_one_of_journalctl(options: dict[str, object], words: list[str]) -> None:
    command = journalctl(("slot",), **QUIET | options)  # type: ignore[arg-type]
    assert command == ["journalctl", "--no-pager", "--no-hostname", f"--unit={SLOT}", *words]


def test_another_word_is_refused() -> None:
    with pytest.raises(Refused, match="no part of the slot: 'engine'"):
        journalctl(("engine",), **QUIET)  # type: ignore[arg-type]


def test_completion_offers_what_there_is() -> None:
    assert all(journalctl((word,), **QUIET) for word in UNIT_WORDS)  # type: ignore[arg-type]
