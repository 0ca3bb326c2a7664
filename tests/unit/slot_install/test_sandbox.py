"""What a unit's sandbox must show of a host, and that it shows nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from slot.install import places
from slot.install.sandbox import Sandbox, engines_of, for_engine, for_programs
from slot.profiles.catalog import Catalog
from slot.profiles.profile import Profile

HOME = Path("/home/steve")
SHIPPED = Path(__file__).parents[3] / "configs/model-slots"


def profile_of(directory: Path, *lines: str) -> Profile:
    text = "\n".join(
        [
            "MODEL_SLOT_NAME=p",
            "MODEL_SLOT_STATUS=base",
            'MODEL_SLOT_STATUS_REASON="Nothing to serve."',
            "MODEL_SLOT_ENGINE=vllm",
            *lines,
            "",
        ]
    )
    (directory / "p.env").write_text(text)
    return Catalog(directory).load("p")


@pytest.mark.parametrize(
    ("programs", "lines"),
    [
        (["/opt/slot", "/usr"], []),
        (["/home/a/slot/.venv", "/home/a/slot"], ["ProtectHome=tmpfs", "BindReadOnlyPaths=-/home/a/slot"]),
        (
            ["/root/slot", "/root/.local/python"],
            [
                "ProtectHome=tmpfs",
                "BindReadOnlyPaths=-/root/.local/python",
                "BindReadOnlyPaths=-/root/slot",
            ],
        ),
        (["/tmp/slot"], ["BindReadOnlyPaths=-/tmp/slot"]),
        (["/homestead/slot", "/opt/home/slot"], []),
    ],
)
def test_programs_are_shown_where_they_would_be_hidden(programs: list[str], lines: list[str]) -> None:
    assert for_programs(map(Path, programs)).lines() == lines


@pytest.mark.parametrize(
    ("line", "shown", "writable"),
    [
        ("MODEL_SLOT_MODEL_DIR=/mnt/fast/models/a", [], []),
        ("MODEL_SLOT_MODEL_DIR=/home/b/models/a", ["/home/b/models/a"], []),
        ("MODEL_SLOT_MODEL_DIR=models/a", [], []),
        ("MODEL_SLOT_VENV=~/.venvs/xpu", [], []),
        ("VLLM_CACHE_ROOT=/mnt/fast/vllm-cache/a", [], ["/mnt/fast/vllm-cache"]),
        ("HF_HOME=/mnt/hf", [], ["/mnt/hf"]),
        ("HF_HOME=/var/lib/b70-vllm-slot/hf", [], []),
        ("HF_HOME=/home/b/hf", [], ["/home/b/hf"]),
    ],
)
def test_what_a_profile_names(tmp_path: Path, line: str, shown: list[str], writable: list[str]) -> None:
    profile = profile_of(tmp_path, line)
    box = for_engine([], [profile], places.DATA_DIR, places.DATA_DIR, is_login=False)
    assert box == Sandbox(tuple(map(Path, shown)), tuple(map(Path, writable)))


def test_a_cache_in_a_home_is_bound_and_one_on_a_disk_is_opened() -> None:
    assert Sandbox((), (Path("/home/b/hf"), Path("/mnt/hf"))).lines() == [
        "ProtectHome=tmpfs",
        "BindPaths=-/home/b/hf",
        "ReadWritePaths=-/mnt/hf",
    ]


def test_a_path_is_one_word_whatever_is_in_it() -> None:
    assert Sandbox((Path("/tmp/a b:50%"),), (Path("/mnt/a b"), Path("/mnt/c50%"))).lines() == [
        'BindReadOnlyPaths="-/tmp/a b:50%%"',
        'ReadWritePaths="-/mnt/a b"',
        "ReadWritePaths=-/mnt/c50%%",
    ]


def test_a_login_users_home_is_shown_and_only_its_caches_are_writable(tmp_path: Path) -> None:
    profile = profile_of(tmp_path, "MODEL_SLOT_VENV=~/.venvs/xpu")
    box = for_engine([Path("/root/slot")], [profile], places.DATA_DIR, HOME, is_login=True)
    assert box.shown == (HOME, Path("/root/slot"))
    assert box.writable == (HOME / ".cache", HOME / ".config/vllm", HOME / ".triton")
    assert engines_of([profile], places.DATA_DIR, HOME) == (HOME / ".venvs/xpu",)


def test_the_shipped_profiles_get_their_caches_and_no_weights() -> None:
    catalog = Catalog(SHIPPED)
    profiles = [catalog.load(name) for name in catalog.names()]
    box = for_engine([Path("/opt/slot")], profiles, places.DATA_DIR, places.DATA_DIR, is_login=False)
    assert box == Sandbox((), (Path("/mnt/fast-ai/llm-cache"), Path("/mnt/fast-ai/vllm-cache-exp")))
