"""A reload says in the event log what it changed, and what it could not use."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from frontdoor.process.serving import listening
from frontdoor.record.events import EventLog
from frontdoor.watch.slot_watch import Sources


def write(path: Path, line: str) -> None:
    path.write_text(f"{line}\n")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    write(path, "infer somebody " + "k" * 40)
    path.chmod(0o600)
    return path


async def test_new_keys_are_told_once_and_bad_ones_with_the_reason(keys: Path) -> None:
    log = io.BytesIO()
    sources = Sources({"host": "127.0.0.1", "port": "0", "api_keys_file": str(keys)}, {})
    async with listening(sources, sources.settings(None), None, EventLog(log)) as door:
        assert door.reload() == []
        write(keys, "infer somebody " + "n" * 40)
        assert door.reload() == []
        assert door.reload() == []
        write(keys, "nonsense")
        assert len(door.reload()) == 1
    told = [event for event in map(json.loads, log.getvalue().splitlines()) if event["event"] == "settings_changed"]
    assert [facts.get("changed") for facts in told] == [["api_keys"], None]
    assert "line 1" in str(told[-1]["error"])
