"""What is said before systemd is asked for anything."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec.structs import replace
from snapshots import FACTS, snapshot

from slot.cli.asking import Manner, ask
from slot.cli.refusal import Refused
from slot.exit_codes import ExitCode
from slot.paths import Paths
from slot.profiles.catalog import load_active
from slot.state import Lifecycle, encode
from slot.switch.request import Request

TEXT = """MODEL_SLOT_NAME=one
MODEL_SLOT_STATUS=test
MODEL_SLOT_STATUS_REASON="It says why."
MODEL_SLOT_ENGINE=simulator
MODEL_SLOT_HF_ID=simulated/one
MODEL_SLOT_MODALITIES=text
SERVE_MAX_MODEL_LEN=4096
SERVE_MAX_NUM_SEQS=4
"""


@pytest.fixture
def serving(tmp_path: Path) -> Paths:
    """`one` is active, and serves."""
    paths = Paths(tmp_path / "run", tmp_path / "data", tmp_path, tmp_path / "current.env")
    paths.active_profile.write_text(TEXT)
    facts = replace(FACTS, name="one", sha256=load_active(paths.active_profile).sha256)
    paths.state_file.parent.mkdir()
    now = time.time()
    paths.state_file.write_bytes(encode(snapshot(Lifecycle.SERVING, profile=facts, since=now, updated_at=now)))
    return paths


@pytest.mark.parametrize("at_work", ["", "b70-slot-switch@two:id-5f3a9c01.service loaded activating start Switch"])
def test_nothing_to_do_is_only_said_while_no_other_switch_is_under_way(
    serving: Paths,
    at_work: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\necho '{at_work}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    profile, manner = load_active(serving.active_profile), Manner(plan=False, wait=True, as_json=False)
    if at_work:
        with pytest.raises(Refused) as refused:
            ask(Request("one"), profile, serving, manner)
        assert refused.value.code is ExitCode.CANNOT_CREATE
    else:
        assert ask(Request("one"), profile, serving, manner) is ExitCode.OK
        assert "nothing to do" in capsys.readouterr().out
