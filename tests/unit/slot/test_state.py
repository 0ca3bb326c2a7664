"""The snapshot's JSON, and what lies in its place after a crash or by somebody's hand."""

from __future__ import annotations

import msgspec
import pytest

from slot.state import STALE_AFTER_S, Lifecycle, ProfileFacts, SlotState, UnreadableState, decode, encode

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
