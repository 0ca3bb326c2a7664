from pathlib import Path

import pytest

from slot.cli.predecessor import name_of, words_of_slotctl
from slot.cli.refusal import Refused


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["list"], ["list"]),
        (["list", "--json"], ["list", "--json"]),
        (["status"], ["status"]),
        (["switch", "minimax-m27-c1"], ["switch", "minimax-m27-c1"]),
        (["switch", "old/sim.env", "--no-wait"], ["switch", "sim", "--no-wait"]),
        (["restore-minimax"], ["switch", "minimax-m27-c1"]),
        (["restore-minimax", "--plan"], ["switch", "minimax-m27-c1", "--plan"]),
    ],
)
def test_each_verb_is_one_of_slotctl(given: list[str], words: list[str], tmp_path: Path) -> None:
    assert words_of_slotctl(given, tmp_path) == words


@pytest.mark.parametrize("given", [["switch"], ["start"], ["--json"]])
def test_other_words_are_refused(given: list[str], tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        words_of_slotctl(given, tmp_path)
    assert refused.value.code == 2


def test_a_path_means_the_catalogs_profile(tmp_path: Path) -> None:
    (tmp_path / "here.env").touch()
    assert name_of(str(tmp_path / "here.env"), tmp_path) == "here"
    assert name_of("/no/such/place/gone.env", tmp_path) == "gone"


def test_a_file_of_somewhere_else_is_not_taken_for_the_catalogs(tmp_path: Path) -> None:
    catalog, old = tmp_path / "catalog", tmp_path / "old"
    for directory in (catalog, old):
        directory.mkdir()
        (directory / "sim.env").write_text(str(directory))
    with pytest.raises(Refused, match="only profiles of the catalog"):
        name_of(str(old / "sim.env"), catalog)
