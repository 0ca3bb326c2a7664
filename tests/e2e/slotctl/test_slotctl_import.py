"""`slotctl import`: to the terminal, to a file, and never over one by accident."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

OLD = """\
#!/usr/bin/env bash
export MODEL_SLOT_NAME="${MODEL_SLOT_NAME:-old-one}"
: "${MODEL_SLOT_STATUS:=research}"
: "${MODEL_DIR:=/mnt/models/one}"
: "${VLLM_MAX_MODEL_LEN:=32768}"
: "${VLLM_MAX_NUM_SEQS:=8}"
export PYTHONPATH=/opt/patched
"""


@pytest.fixture
def old(place: Any) -> Path:
    path = Path(place.directory / "old-one.env")
    path.write_text(OLD)
    return path


def test_the_result_is_a_profile(place: Any, old: Path) -> None:
    done = place.run("import", str(old), "--output", str(place.catalog_dir))
    assert done.returncode == 0, done.stderr
    assert "PYTHONPATH" in done.stderr
    assert place.run("check", "old-one").returncode == 0
    flags = [word["text"] for word in json.loads(place.run("show", "old-one", "--json").stdout)["argv"]]
    assert flags[flags.index("--max-model-len") + 1] == "32768"


def test_without_a_file_it_is_printed(place: Any, old: Path) -> None:
    done = place.run("import", str(old))
    assert "SERVE_MAX_MODEL_LEN=32768\n" in done.stdout
    assert "not carried over" not in done.stdout
    as_json = json.loads(place.run("import", str(old), "--json").stdout)
    assert (as_json["name"], as_json["text"]) == ("old-one", done.stdout)
    assert as_json["not_carried"][0]["line"] == 7


def test_a_file_is_only_replaced_by_force(place: Any, old: Path) -> None:
    target = place.write("old-one", "mine\n")
    refused = place.run("import", str(old), "-o", str(target))
    assert (refused.returncode, target.read_text()) == (73, "mine\n")
    assert place.run("import", str(old), "-o", str(target), "--force").returncode == 0
    assert "MODEL_SLOT_NAME=old-one" in target.read_text()


@pytest.mark.parametrize(
    ("text", "output", "code"),
    [
        (OLD, "other.env", 2),
        (OLD, "no/such/old-one.env", 73),
        (OLD.replace("old-one", "../evil"), "../evil.env", 2),
        (OLD.replace("VLLM_MAX_NUM_SEQS", "NOTHING"), "old-one.env", 78),
    ],
)
def test_what_is_refused(place: Any, old: Path, text: str, output: str, code: int) -> None:
    old.write_text(text)
    done = place.run("import", str(old), "-o", str(place.catalog_dir / output))
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert not (place.directory / "evil.env").exists()
