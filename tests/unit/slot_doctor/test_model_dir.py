import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from slot.doctor.finding import Level
from slot.doctor.model_dir import check, several
from slot.doctor.mounts import Mounts
from slot.doctor.weights import Weights

NO_MOUNTS = Mounts(frozenset(), frozenset())
WEIGHTS = Weights(("model.safetensors",), 3 * 2**30, ())


def model(directory: Path, **files: str) -> Path:
    directory.mkdir()
    for name, content in ({"config": "{}", "tokenizer": "{}"} | files).items():
        if content:
            (directory / f"{name}.json").write_text(content)
    return directory


def test_a_whole_model_is_ok(tmp_path: Path) -> None:
    finding = check(model(tmp_path / "m"), NO_MOUNTS, WEIGHTS)
    assert (finding.level, finding.found) == (Level.OK, "3.0 GiB of weights in 1 file")


@pytest.mark.parametrize(
    ("files", "weights", "found"),
    [
        ({"config": ""}, WEIGHTS, "no config.json"),
        ({"config": "{"}, WEIGHTS, "config.json cannot be read"),
        ({"config": "[]"}, WEIGHTS, "config.json is not a JSON object"),
        ({"tokenizer": ""}, WEIGHTS, "no tokenizer"),
        ({}, Weights(("a",), 0, ("a is empty",)), "a is empty"),
        ({"config": "", "tokenizer": ""}, Weights((), 0, ("a is empty",)), "no config.json"),
    ],
)
def test_the_first_thing_that_is_missing_is_said(
    tmp_path: Path, files: dict[str, str], weights: Weights, found: str
) -> None:
    finding = check(model(tmp_path / "m", **files), NO_MOUNTS, weights)
    assert finding.level == Level.FAIL
    assert found in finding.found
    assert finding.do


def test_a_missing_directory_names_what_is_there(tmp_path: Path) -> None:
    finding = check(tmp_path / "a/b/c", NO_MOUNTS, WEIGHTS)
    assert finding.found == f"the directory is missing; {tmp_path} is there"


def test_an_unmounted_disk_is_told_from_a_missing_directory(tmp_path: Path) -> None:
    mounts = Mounts(declared=frozenset({tmp_path / "disk"}), mounted=frozenset())
    finding = check(tmp_path / "disk/models/m", mounts, WEIGHTS)
    assert finding.found == f"the directory is not there, and the disk of {tmp_path}/disk is not mounted"
    assert finding.do == f"mount {tmp_path}/disk"


def test_a_link_to_an_unmounted_disk_is_followed(tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(tmp_path / "disk/models")
    mounts = Mounts(declared=frozenset({tmp_path / "disk"}), mounted=frozenset())
    assert check(tmp_path / "models/m", mounts, WEIGHTS).do == f"mount {tmp_path}/disk"


def test_a_file_is_not_a_directory(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("")
    assert check(tmp_path / "m", NO_MOUNTS, WEIGHTS).found == "not a directory"


@pytest.mark.parametrize(
    ("faults", "said"),
    [(("a",), "a"), (("a", "b", "c"), "a; b; c"), (("a", "b", "c", "d", "e"), "a; b; c; and 2 more")],
)
def test_many_faults_are_counted_after_the_third(faults: tuple[str, ...], said: str) -> None:
    assert several(faults) == said


@contextlib.contextmanager
def as_no_root() -> Iterator[None]:
    """Root may look into everything; whoever else runs the tests may not look into what has no mode at all."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_directory_that_this_user_may_not_look_into_is_told_so(tmp_path: Path) -> None:
    model_dir = tmp_path / "model"
    model_dir.mkdir(mode=0o000)
    with as_no_root():
        finding = check(model_dir, NO_MOUNTS, WEIGHTS)
    assert finding.level == Level.FAIL
    assert "may not look into it" in finding.found
