"""Under which name a client is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.access.api_keys import KeyHolder, Role
from frontdoor.access.identity import MAX_SESSION_BYTES, client_of
from frontdoor.http.head import Head

ALICE = KeyHolder("alice", Role.INFER)
SESSION = b"x-session-id"


def head(session: bytes | None) -> Head:
    return Head("POST", fields=[(b"host", b"a")] + ([] if session is None else [(SESSION, session)]))


@pytest.mark.parametrize(
    ("holder", "session", "address", "expected"),
    [
        (ALICE, None, "192.168.1.7", "key:alice"),
        (ALICE, b"chat-1", "192.168.1.7", "key:alice"),
        (None, b"chat-1", "192.168.1.7", "session:eaeb9111b1c6"),
        (None, b"", "192.168.1.7", "192.168.1.7"),
        (None, b"x" * (MAX_SESSION_BYTES + 1), "192.168.1.7", "192.168.1.7"),
        (None, None, "192.168.1.7", "192.168.1.7"),
        (None, None, "::ffff:192.168.1.7", "192.168.1.7"),
        (None, None, "fe80::1", "fe80::1"),
        (None, None, "", "local"),
    ],
)
def test_who_it_is(holder, session, address, expected) -> None:
    assert client_of(holder, head(session), SESSION, address) == expected


def test_the_longest_session_counts() -> None:
    assert client_of(None, head(b"x" * MAX_SESSION_BYTES), SESSION, "").startswith("session:")


@given(st.binary(max_size=400), st.ip_addresses().map(str))
def test_no_session_is_a_key_or_unfit_to_be_shown(session, address) -> None:
    name = client_of(None, head(session), SESSION, address)
    assert name.isascii() and name.isprintable() and len(name) <= 60
    assert not name.startswith("key:")


@given(st.binary(min_size=1, max_size=64), st.binary(min_size=1, max_size=64))
def test_two_sessions_are_two_clients(one, other) -> None:
    names = {client_of(None, head(session), SESSION, "") for session in (one, other)}
    assert len(names) == len({one, other})
