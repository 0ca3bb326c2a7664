"""The examples of docs/profiles.md are profiles, or lines of one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from slot.profiles import keys
from slot.profiles.catalog import Catalog
from slot.profiles.dotenv_file import parse
from slot.profiles.profile import Value
from slot.profiles.rules import problem_of

ROOT = Path(__file__).parents[2]
HOWTO = (ROOT / "docs/profiles.md").read_text()
EXAMPLES = re.findall(r"```env\n(.*?)```", HOWTO, re.DOTALL)


@pytest.mark.parametrize("example", [example for example in EXAMPLES if "MODEL_SLOT_NAME=" in example])
def test_a_whole_example_is_a_sound_profile(example: str, tmp_path: Path) -> None:
    catalog = Catalog(Path(shutil.copytree(ROOT / "configs/model-slots", tmp_path / "model-slots")))
    name = re.findall(r"^MODEL_SLOT_NAME=(.*)$", example, re.MULTILINE)[0]
    (catalog.directory / f"{name}.env").write_text(example)
    assert catalog.load(name).name == name


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_line_of_an_example_is_sound(example: str) -> None:
    file = parse(example.encode(), "example")
    values = {item.key: Value(item.value, "example", item.line, "example") for item in file.assignments}
    assert (file.problems, [problem_of(key, value) for key, value in values.items() if problem_of(key, value)]) == (
        (),
        [],
    )


def test_the_statuses_told_are_those_that_exist() -> None:
    table = HOWTO.partition("## What to call it")[2].partition("\n## ")[0]
    told = {
        word for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for word in re.findall(r"`([a-z-]+)`", row)
    }
    assert told == set(keys.STATUS_FAMILIES)
