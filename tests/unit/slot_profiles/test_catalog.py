"""Catalog and resolution: from files in a directory to profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from slot.profiles.catalog import Catalog, flatten, load_active
from slot.profiles.problems import ProfileError, UnknownProfile
from slot.profiles.profile import Profile

BASE = """
# what all of them share
MODEL_SLOT_NAME=common
MODEL_SLOT_STATUS=base
MODEL_SLOT_VENV=~/.venvs/vllm-xpu
SERVE_MAX_NUM_SEQS=8
SERVE_MAX_MODEL_LEN=32768
SERVE_QUANTIZATION=quark
VLLM_XPU_ENABLE_XPU_GRAPH=1
"""

CHILD = """
MODEL_SLOT_NAME=child
MODEL_SLOT_EXTENDS=common
MODEL_SLOT_STATUS=research
MODEL_SLOT_HF_ID=owner/model
SERVE_MAX_NUM_SEQS=4
"""

GRANDCHILD = """
MODEL_SLOT_NAME=grandchild
MODEL_SLOT_EXTENDS=child
MODEL_SLOT_STATUS=experiment
MODEL_SLOT_STORY='it is "odd", isn-t it #1'
SERVE_QUANTIZATION=
VLLM_XPU_ENABLE_XPU_GRAPH=
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, text in {"common": BASE, "child": CHILD, "grandchild": GRANDCHILD}.items():
        (tmp_path / f"{name}.env").write_text(text)
    return tmp_path


def problems_of(directory: Path, name: str) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        Catalog(directory).load(name)
    return [str(problem).removeprefix(f"{directory}/") for problem in caught.value.problems]


def texts(profile: Profile) -> dict[str, str]:
    return {key: value.text for key, value in profile.values.items()}


def test_the_names_are_those_of_the_files(directory: Path) -> None:
    (directory / "README.md").touch()
    (directory / "Upper.env").touch()
    (directory / ".hidden.env").touch()
    assert Catalog(directory).names() == ["child", "common", "grandchild"]


def test_a_profile_has_its_own_values_before_those_it_extends(directory: Path) -> None:
    child = Catalog(directory).load("child")
    assert child.lineage == ("child", "common")
    assert (child.get("SERVE_MAX_NUM_SEQS"), child.get("SERVE_MAX_MODEL_LEN")) == ("4", "32768")


def test_a_value_knows_the_file_and_line_that_set_it(directory: Path) -> None:
    inherited = Catalog(directory).load("grandchild").values["SERVE_MAX_MODEL_LEN"]
    assert (inherited.profile, inherited.file, inherited.line) == ("common", str(directory / "common.env"), 7)


def test_an_empty_value_takes_back_what_was_inherited(directory: Path) -> None:
    grandchild = Catalog(directory).load("grandchild")
    assert grandchild.get("SERVE_QUANTIZATION") is None
    assert grandchild.get("VLLM_XPU_ENABLE_XPU_GRAPH") == "", "the engine may want it empty"


@pytest.mark.parametrize("key", ["MODEL_SLOT_STATUS", "MODEL_SLOT_STATUS_REASON"])
def test_a_judgement_is_not_inherited(directory: Path, key: str) -> None:
    (directory / "common.env").write_text(BASE + "MODEL_SLOT_STATUS_REASON=proven\n")
    (directory / "child.env").write_text(CHILD.replace("MODEL_SLOT_STATUS=research\n", ""))
    assert problems_of(directory, "child")[0].startswith("child.env: MODEL_SLOT_STATUS: found nothing, expected one of")
    assert Catalog(directory).load("common").get(key)


def test_a_base_can_be_loaded_but_says_that_it_is_one(directory: Path) -> None:
    assert Catalog(directory).load("common").status_family == "base"


@pytest.mark.parametrize("name", ["nothing", "../common", "/etc/passwd", "", "Child", "a..b", "common.env", "-x"])
def test_an_unknown_name_never_becomes_a_path(directory: Path, name: str) -> None:
    with pytest.raises(UnknownProfile) as caught:
        Catalog(directory / ".").load(name)
    assert caught.value.known == ("child", "common", "grandchild")


def test_all_problems_of_the_whole_lineage_at_once(directory: Path) -> None:
    (directory / "common.env").write_text(BASE + "SERVE_DTYPE=bf16\nexport A=1\n")
    (directory / "child.env").write_text(CHILD + "FRONTDOOR_MAX_ACTIVE_GENERATIONS=9\nSERVE_PORT=x\nSERVE_PORT=1\n")
    assert problems_of(directory, "child") == [
        "child.env:7: FRONTDOOR_MAX_ACTIVE_GENERATIONS: found '9', expected at most SERVE_MAX_NUM_SEQS=4; "
        "the engine would make the others wait where nobody sees them",
        "child.env:8: SERVE_PORT: found 'x', expected a whole number from 1 to 65535",
        "child.env:9: SERVE_PORT: found a second value; the first is on line 8, expected each key once",
        "common.env:10: SERVE_DTYPE: found 'bf16', expected auto, bfloat16, float, float16, float32 or half",
        "common.env:11: A: found 'export', expected KEY=value alone: this is no shell script",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("MODEL_SLOT_NAME=other", "child.env:2: MODEL_SLOT_NAME: found 'other', expected the name of the file, child"),
        ("", "child.env: MODEL_SLOT_NAME: found nothing, expected the profile's name, which is its file's"),
    ],
)
def test_the_name_is_that_of_the_file(directory: Path, line: str, problem: str) -> None:
    (directory / "child.env").write_text(CHILD.replace("MODEL_SLOT_NAME=child", line))
    assert problems_of(directory, "child") == [problem]


@pytest.mark.parametrize(
    ("extends", "problem"),
    [
        ("comon", "found 'comon', expected a profile beside this one; did you mean common?"),
        ("nothing-like-it", "found 'nothing-like-it', expected a profile beside this one"),
        ("child", "found a circle: child -> child, expected a profile beside this one"),
        ("grandchild", "found a circle: child -> grandchild -> child, expected a profile beside this one"),
        ("../x", "found '../x', expected lower-case letters, digits, '-' and single '.', not first a '-' or '.'"),
        ("", "found an empty value, expected a value: an empty one only takes back what an extended profile sets"),
    ],
)
def test_what_is_extended_must_be_there(directory: Path, extends: str, problem: str) -> None:
    (directory / "child.env").write_text(CHILD.replace("=common", f"={extends}"))
    assert any(told.endswith(f"MODEL_SLOT_EXTENDS: {problem}") for told in problems_of(directory, "child"))


@pytest.mark.parametrize("extends", ["comon", "child", "../x"])
def test_a_parent_that_is_not_found_is_the_only_problem(directory: Path, extends: str) -> None:
    (directory / "child.env").write_text(CHILD.replace("=common", f"={extends}") + "SERVE_DTYPE=\n")
    (told,) = problems_of(directory, "child")
    assert "MODEL_SLOT_EXTENDS" in told


def test_a_name_is_that_of_a_file(directory: Path) -> None:
    (directory / "directory.env").mkdir()
    (directory / "dangling.env").symlink_to(directory / "gone")
    assert Catalog(directory).names() == ["child", "common", "grandchild"]


def test_an_empty_value_with_nothing_to_take_back_is_a_problem(directory: Path) -> None:
    (directory / "common.env").write_text(BASE + "SERVE_DTYPE=\n")
    assert problems_of(directory, "common") == [
        "common.env:10: SERVE_DTYPE: found an empty value, "
        "expected a value: an empty one only takes back what an extended profile sets"
    ]


def test_a_file_elsewhere_extends_what_is_beside_it(directory: Path) -> None:
    assert Catalog(Path("/nowhere")).load_file(directory / "child.env").lineage == ("child", "common")


def test_the_hash_is_that_of_the_resolved_values(directory: Path) -> None:
    before = Catalog(directory).load("child").sha256
    (directory / "child.env").write_text("# a comment\n" + CHILD.replace("=4", "='4'") + "SERVE_MAX_MODEL_LEN=32768\n")
    assert Catalog(directory).load("child").sha256 == before
    (directory / "common.env").write_text(BASE.replace("32768", "32767"))
    (directory / "child.env").write_text(CHILD)
    assert Catalog(directory).load("child").sha256 != before


def test_a_flattened_profile_is_the_same_profile(directory: Path, tmp_path: Path) -> None:
    profile = Catalog(directory).load("grandchild")
    active = tmp_path / "current.env"
    active.write_text(flatten(profile))
    read = load_active(active)
    assert (read.name, read.lineage, read.sha256) == ("grandchild", ("grandchild",), profile.sha256)
    assert texts(read) == {key: text for key, text in texts(profile).items() if key != "MODEL_SLOT_EXTENDS"}
    assert active.read_text().startswith(f"# profile: grandchild\n# sha256: {profile.sha256}\nMODEL_SLOT_")
    assert flatten(read) == active.read_text()


def test_an_active_profile_extends_nothing(directory: Path) -> None:
    with pytest.raises(ProfileError) as caught:
        load_active(directory / "child.env")
    assert [problem.key for problem in caught.value.problems] == ["MODEL_SLOT_EXTENDS"]


def test_an_active_profile_without_a_name(tmp_path: Path) -> None:
    (tmp_path / "current.env").write_text("")
    with pytest.raises(ProfileError, match="MODEL_SLOT_NAME: found nothing"):
        load_active(tmp_path / "current.env")


def test_no_active_profile(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_active(tmp_path / "current.env")
