"""The snapshot's JSON, and what lies in its place after a crash or by somebody's hand."""

from __future__ import annotations

import msgspec
import pytest

from slot.state import (
    STALE_AFTER_S,
    CardFacts,
    Failure,
    Lifecycle,
    Notice,
    ProfileFacts,
    Pulse,
    Recovery,
    RecoveryStage,
    SlotState,
    UnreadableState,
    decode,
    encode,
)

SNAPSHOT = SlotState(
    state=Lifecycle.SERVING,
    since=1.0,
    updated_at=2.0,
    profile=ProfileFacts(name="sim", title="", hf_id="", modalities="text", status="test", sha256="0"),
    served_model_name="sim",
    engine_url="http://127.0.0.1:18080",
    supervisor_pid=1,
)


def test_a_snapshot_reads_back() -> None:
    assert decode(encode(SNAPSHOT)) == SNAPSHOT


FULL = msgspec.structs.replace(
    SNAPSHOT,
    failure=Failure(
        cause="c", detail="d", remedy="r", restart_can_help=False, exit_code=1, signal=None, at=3.0,
        name="device-lost", kind="device", next_step="slotctl recover", incident="/incidents/x",
    ),
    recovery=Recovery(
        stage=RecoveryStage.QUIET, until=9.0, cards=(CardFacts(bdf="0:1.0", verdict="healthy", words=""),)
    ),
    pulse=Pulse(running=1, waiting=0, tokens=5, beat_at=2.0, allowance_s=600.0),
    warnings=(Notice(name="n", kind="benign", words="w", first_at=1.0, count=2),),
    restarts=2,
)  # fmt: skip
# What the fields before these were: the file of a supervisor that knows none of them.
OLDEST_FIELDS = {
    "cause", "detail", "remedy", "restart_can_help", "exit_code", "signal", "at",
    "version", "state", "since", "updated_at", "phase", "progress", "eta_s", "readiness", "profile",
    "served_model_name", "engine_url", "engine_pid", "supervisor_pid", "simulated", "engine", "failure",
}  # fmt: skip


def test_all_fields_read_back() -> None:
    assert decode(encode(FULL)) == FULL


def test_an_older_file_is_read_with_defaults() -> None:
    written = msgspec.json.decode(encode(FULL))
    written["failure"] = {key: value for key, value in written["failure"].items() if key in OLDEST_FIELDS}
    old = {key: value for key, value in written.items() if key in OLDEST_FIELDS}
    read = decode(msgspec.json.encode(old))
    assert read.failure is not None and read.failure.name is None
    assert (read.recovery, read.pulse, read.warnings, read.restarts) == (None, None, (), 0)


def test_a_newer_file_is_read_without_what_is_new() -> None:
    newer = msgspec.json.decode(encode(FULL)) | {"mood": "sunny"}
    newer["failure"]["colour"] = "red"
    assert decode(msgspec.json.encode(newer)) == FULL


@pytest.mark.parametrize(
    "text",
    [
        b"",
        encode(SNAPSHOT)[:100],
        b"\0" * 100,
        b"[]",
        encode(SNAPSHOT).replace(b"serving", b"singing"),
        encode(SNAPSHOT).replace(b'"version": 1', b'"version": 2'),
        encode(SNAPSHOT).replace(b'"sim"', b'"\xff"'),
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=["empty", "half", "NUL", "list", "state", "version", "no UTF-8", "deep"],
)
def test_what_is_no_snapshot_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(UnreadableState):
        decode(text)


@pytest.mark.parametrize("state", Lifecycle)
@pytest.mark.parametrize("age_s", [0.0, STALE_AFTER_S, STALE_AFTER_S + 0.1, -STALE_AFTER_S - 0.1])
def test_only_last_words_are_believed_when_they_are_old(state: Lifecycle, age_s: float) -> None:
    snapshot = msgspec.structs.replace(SNAPSHOT, state=state, updated_at=1000.0)
    is_old = abs(age_s) > STALE_AFTER_S
    is_last_word = state in (Lifecycle.STOPPED, Lifecycle.FAILED)
    assert snapshot.is_abandoned(1000.0 + age_s) is (is_old and not is_last_word)


def test_what_an_engine_smuggles_into_it_moves_no_cursor() -> None:
    hostile = Failure(
        cause="a\x1b[2Jb\x9b1mc\u202ed",
        detail="ü\n-",
        remedy="",
        restart_can_help=True,
        exit_code=1,
        signal=None,
        at=1.0,
    )
    read_back = decode(encode(msgspec.structs.replace(SNAPSHOT, failure=hostile, served_model_name="x\x07y"))).failure
    assert read_back is not None
    assert (read_back.cause, read_back.detail) == ("a [2Jb 1mc d", "ü\n-")
