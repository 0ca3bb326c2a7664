from pathlib import Path

import pytest

from slot.doctor.finding import Level
from slot.doctor.hub_cache import cache_dir, not_downloaded, snapshot_of


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "/home/u/.cache/huggingface/hub"),
        ({"HF_HOME": "/mnt/hf"}, "/mnt/hf/hub"),
        ({"HF_HOME": "/mnt/hf", "HF_HUB_CACHE": "/mnt/hub"}, "/mnt/hub"),
    ],
)
def test_the_cache_is_where_the_client_looks(environment: dict[str, str], expected: str) -> None:
    assert cache_dir(environment, Path("/home/u")) == Path(expected)


def downloaded(cache: Path) -> Path:
    model = cache / "models--Qwen--Qwen3-0.6B"
    (model / "snapshots/c0ffee").mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs/main").write_text("c0ffee\n")
    return model / "snapshots/c0ffee"


@pytest.mark.parametrize(("revision", "is_there"), [(None, True), ("c0ffee", True), ("main", True), ("beef", False)])
def test_a_snapshot_is_found_by_branch_or_commit(tmp_path: Path, revision: str | None, is_there: bool) -> None:
    snapshot = downloaded(tmp_path)
    assert snapshot_of("Qwen/Qwen3-0.6B", revision, tmp_path) == (snapshot if is_there else None)


def test_another_model_is_not_downloaded(tmp_path: Path) -> None:
    downloaded(tmp_path)
    assert snapshot_of("Qwen/Qwen3-8B", None, tmp_path) is None
    assert not_downloaded("Qwen/Qwen3-8B", tmp_path).level == Level.WARN
