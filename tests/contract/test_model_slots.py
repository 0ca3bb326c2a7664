"""The profiles that ship: each is sound, says what the box ran, and tells a reader why.

`model_slots.toml` beside this file is the box's own record, transcribed profile by profile and without inheritance. A
resolved profile must have exactly the engine, frontdoor and environment keys of its record, no more and no fewer.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from slot.profiles.catalog import Catalog, flatten, load_active
from slot.profiles.command import engine_command
from slot.profiles.profile import Profile

ROOT = Path(__file__).parents[2]
CATALOG = Catalog(ROOT / "configs/model-slots")
NAMES = CATALOG.names()
RECORD = tomllib.loads((Path(__file__).parent / "model_slots.toml").read_text())
BASES = {"b70-common", "gemma4-12b-common"}
OURS = {"sim", "tiny-cpu", "qwen3-0.6b-cpu"}
SERVABLE = sorted(set(NAMES) - BASES)

# What a reader is told first, in every file, never only inherited.
HEAD = [
    "MODEL_SLOT_STORY",
    "MODEL_SLOT_NAME",
    "MODEL_SLOT_EXTENDS",
    "MODEL_SLOT_TITLE",
    "MODEL_SLOT_PURPOSE",
    "MODEL_SLOT_STATUS",
    "MODEL_SLOT_STATUS_REASON",
]
# What the record covers; the slot's own time limits and the story are ours.
RECORDED = re.compile(r"MODEL_SLOT_(ENGINE|ENGINE_LINE|VENV|HF_ID|HF_REVISION|MODEL_DIR|MODALITIES)|(?!MODEL_SLOT_).*")
# The predecessor's turns of phrase: the facts are told anew here.
OLD_WORDING = (
    "do not use as",
    "fresh stability/quality pass",
    "level zero out-of-resources",
    "no-auth lan endpoint",
    "near the vram boundary",
    "below requested utilization",
    "until proven otherwise",
    "retained for reproduction",
    "keep the full 32k context",
    "same quality-relevant settings",
    "keep the public served model stable",
)


def expected(name: str) -> dict[str, str]:
    """The keys and values of a profile, by the record."""
    row = RECORD["profiles"][name]
    context, batched, sequences, prefix = row["shape"]
    values = dict(RECORD["common"])
    for word in row["use"]:
        values |= RECORD["words"][word]
    values |= {
        "SERVE_MAX_MODEL_LEN": f"{context}",
        "SERVE_MAX_NUM_BATCHED_TOKENS": f"{batched}",
        "SERVE_MAX_NUM_SEQS": f"{sequences}",
        "FRONTDOOR_MAX_ACTIVE_GENERATIONS": f"{sequences}",
        "SERVE_ENABLE_PREFIX_CACHING": f"{prefix}".lower(),
    }
    if row["cache"]:
        values["VLLM_CACHE_ROOT"] = f"/mnt/fast-ai/vllm-cache-exp/{row['cache']}"
    return values | row.get("values", {})


def texts(profile: Profile) -> dict[str, str]:
    return {key: value.text for key, value in profile.values.items()}


def as_data(values: Mapping[str, str]) -> dict[str, Any]:
    """JSON compared as JSON: blanks in it do not count."""
    return {key: json.loads(text) if text.startswith("{") else text for key, text in values.items()}


def unexplained(text: str) -> list[str]:
    """The assignments of a file that stand under no comment; a blank line ends what a comment covers."""
    silent, covered = [], False
    for line in text.splitlines():
        covered = line.startswith("#") or (covered and bool(line))
        if "=" in line and not covered:
            silent.append(line.partition("=")[0])
    return silent


def test_every_profile_of_the_record_ships_and_nothing_else() -> None:
    assert set(NAMES) == set(RECORD["profiles"]) | BASES | OURS


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_sound(name: str) -> None:
    profile = CATALOG.load(name)
    assert (profile.status_family == "base") is (name in BASES)


@pytest.mark.parametrize("name", RECORD["profiles"])
def test_the_profile_says_what_the_box_ran(name: str) -> None:
    found = {key: text for key, text in texts(CATALOG.load(name)).items() if RECORDED.fullmatch(key)}
    assert as_data(found) == as_data(expected(name))


@pytest.mark.parametrize("name", RECORD["profiles"])
def test_the_status_is_the_documented_one(name: str) -> None:
    assert CATALOG.load(name).status == RECORD["profiles"][name]["status"]


@pytest.mark.parametrize("name", [name for name, row in RECORD["profiles"].items() if "measured" in row])
def test_measured_figures_are_those_of_the_record(name: str) -> None:
    measured = {f"MODEL_SLOT_MEASURED_{key}": text for key, text in RECORD["profiles"][name]["measured"].items()}
    found = texts(CATALOG.load(name))
    assert as_data({key: found[key] for key in measured}) == as_data(measured)


@pytest.mark.parametrize("name", SERVABLE)
def test_the_active_form_is_the_same_profile(name: str, tmp_path: Path) -> None:
    profile = CATALOG.load(name)
    active = tmp_path / "current.env"
    active.write_text(flatten(profile))
    assert load_active(active).sha256 == profile.sha256


@pytest.mark.parametrize("name", SERVABLE)
@pytest.mark.parametrize("simulate", [False, True])
def test_the_command_names_every_engine_value(name: str, simulate: bool) -> None:
    profile = CATALOG.load(name)
    command = engine_command(
        profile, data_dir=Path("/data"), home=Path("/home/u"), python="/usr/bin/python3", simulate=simulate
    )
    words = command.words
    flags = {flag for flag, value in profile.serve_flags()}
    assert {flag for flag in flags if flag not in words and f"--no-{flag[2:]}" not in words} == set()
    if not command.simulated:
        assert set(profile.engine_environment()) <= set(command.environment)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_opens_with_its_story_and_tells_what_it_is(name: str) -> None:
    head = (CATALOG.directory / f"{name}.env").read_text().partition("\n\n")[0]
    keys = [line.partition("=")[0] for line in head.splitlines() if not line.startswith("#")]
    assert keys == [key for key in HEAD if key in keys]
    assert set(HEAD) - set(keys) <= {"MODEL_SLOT_EXTENDS"}


@pytest.mark.parametrize("name", NAMES)
def test_every_value_is_explained_where_it_is_set(name: str) -> None:
    text = (CATALOG.directory / f"{name}.env").read_text()
    assert [key for key in unexplained(text) if key not in HEAD] == []


def test_no_two_profiles_share_a_story_or_a_purpose() -> None:
    profiles = [CATALOG.load(name) for name in SERVABLE]
    assert (
        len({profile.story for profile in profiles}) == len({profile.purpose for profile in profiles}) == len(SERVABLE)
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_words_are_our_own(name: str) -> None:
    text = " ".join((CATALOG.directory / f"{name}.env").read_text().lower().split())
    assert [phrase for phrase in OLD_WORDING if phrase in text] == []


@pytest.mark.parametrize("name", SERVABLE)
def test_the_engine_line_and_its_patches_know_every_flag_and_variable(name: str) -> None:
    profile = CATALOG.load(name)
    line = (profile.engine_line or "").removesuffix("-local")
    face = json.loads((ROOT / f"slot/profiles/engine_faces/vllm-{line}.json").read_text())
    patches = [tomllib.loads((ROOT / f"patches/{patch}.toml").read_text()) for patch in profile.patches]
    known = {*face["environment"], *(variable for patch in patches for variable in patch["environment"])}
    # V1 is the only engine of this line already; the name is part of a variable set that is recorded in full.
    unknown = {key for key in profile.engine_environment() if key.startswith("VLLM_")} - known - {"VLLM_USE_V1"}
    assert (unknown, {flag for flag, _ in profile.serve_flags()} - {f"--{flag}" for flag in face["flags"]}) == (
        set(),
        set(),
    )


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_runs_on_any_machine_stays_on_it(name: str) -> None:
    profile = CATALOG.load(name)
    assert (profile.get("FRONTDOOR_HOST"), profile.host, profile.lineage) == ("127.0.0.1", "127.0.0.1", (name,))
    assert profile.status == "test"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sim", {"MODEL_SLOT_ENGINE": "simulator", "FRONTDOOR_MAX_ACTIVE_GENERATIONS": "4"}),
        (
            "tiny-cpu",
            {
                "MODEL_SLOT_ENGINE": "vllm",
                "MODEL_SLOT_ENGINE_LINE": "0.32",
                "MODEL_SLOT_VENV": "engines/cpu-0.32.0",
                "MODEL_SLOT_MODEL_DIR": "models/tiny-qwen3",
                "SERVE_SERVED_MODEL_NAME": "tiny-qwen3",
                "SERVE_DTYPE": "bfloat16",
                "SERVE_ENFORCE_EAGER": "true",
                "SERVE_MAX_MODEL_LEN": "2048",
                "SERVE_MAX_NUM_SEQS": "4",
                "FRONTDOOR_MAX_ACTIVE_GENERATIONS": "2",
                "VLLM_CPU_KVCACHE_SPACE": "1",
            },
        ),
        ("qwen3-0.6b-cpu", {"MODEL_SLOT_HF_ID": "Qwen/Qwen3-0.6B", "MODEL_SLOT_VENV": "engines/cpu-0.32.0"}),
    ],
)
def test_our_own_profiles(name: str, values: dict[str, str]) -> None:
    profile = CATALOG.load(name)
    assert {key: profile.get(key) for key in values} == values


def test_the_model_by_id_has_no_directory() -> None:
    assert CATALOG.load("qwen3-0.6b-cpu").model_dir is None
