"""When a snapshot is written: at once for news, seldom for progress, and always before it looks stale."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec
import pytest
from snapshots import snapshot

from slot import state as slot_state
from slot.state import HEARTBEAT_S, Lifecycle, LoadPhase, Notice, Pulse, Readiness
from slot.supervisor.notify import Notifier
from slot.supervisor.publication import PROGRESS_INTERVAL_S, Publication

FIRST = snapshot(phase=LoadPhase.WEIGHTS, progress=0.1)
NOTICE = Notice(name="unknown-variable", kind="benign", words="w", first_at=1.0, count=1)


@pytest.mark.parametrize(
    ("changes", "after_s", "is_written"),
    [
        ({"state": Lifecycle.SERVING}, 0.0, True),
        ({"phase": LoadPhase.COMPILE}, 0.0, True),
        ({"readiness": Readiness.HEALTH}, 0.0, True),
        ({"engine_pid": 7}, 0.0, True),
        ({"progress": 0.2}, PROGRESS_INTERVAL_S - 0.1, False),
        ({"progress": 0.2}, PROGRESS_INTERVAL_S, True),
        ({"eta_s": 5.0}, PROGRESS_INTERVAL_S, False),
        ({"pulse": Pulse(running=1, waiting=0, tokens=5, beat_at=1.0, allowance_s=600.0)}, 1.0, False),
        ({"warnings": (NOTICE,)}, 0.0, True),
        ({}, HEARTBEAT_S - 0.1, False),
        ({}, HEARTBEAT_S, True),
    ],
)
def test_when_it_is_written(tmp_path: Path, changes: dict[str, object], after_s: float, is_written: bool) -> None:
    path = tmp_path / "state.json"
    publication = Publication(path, Notifier(None), patience_s=1.0)
    publication.offer(FIRST, 100.0)
    later = msgspec.structs.replace(FIRST, updated_at=after_s + 1.0, **changes)
    publication.offer(later, 100.0 + after_s)
    assert slot_state.read(path) == (later if is_written else FIRST)
    assert publication.due_at == 100.0 + HEARTBEAT_S + (after_s if is_written else 0.0)


def test_on_a_full_disk_the_snapshot_stays_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    publication = Publication(path, Notifier(None), patience_s=1.0)
    longer = msgspec.structs.replace(FIRST, served_model_name="tiny" * 10)
    publication.offer(longer, 100.0)

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("slot.supervisor.publication.write_atomically", no_room)
    for at, offered in ((102.0, FIRST), (104.0, longer)):
        publication.offer(offered, at)
        assert slot_state.read(path) == offered


def test_a_disk_that_cannot_be_written_is_no_reason_to_fall(tmp_path: Path) -> None:
    publication = Publication(tmp_path / "gone" / "state.json", Notifier(None), patience_s=1.0)
    publication.offer(FIRST, 100.0)
    assert publication.due_at == 100.0 + HEARTBEAT_S


def test_that_a_known_thing_was_said_again_can_wait(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    publication = Publication(path, Notifier(None), patience_s=1.0)
    said_once = msgspec.structs.replace(FIRST, warnings=(NOTICE,))
    publication.offer(said_once, 100.0)
    publication.offer(msgspec.structs.replace(FIRST, warnings=(msgspec.structs.replace(NOTICE, count=2),)), 101.0)
    assert slot_state.read(path) == said_once
