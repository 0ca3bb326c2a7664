"""Keys: their file with every problem at once and no key in any message; who holds the one a request brings."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_routes import CHAT, route

from frontdoor.access.api_keys import ApiKeys, KeyHolder, Role, check, given_keys, needed_role, sees_clients
from frontdoor.bad_settings import BadSettings
from frontdoor.http.head import Head
from frontdoor.refusal import Reason, Refusal
from frontdoor.routes import ROUTES, Kind

ALICE = "sk-alice-0123456789"
MONITOR = "sk-monitor-0123456789"
TEXT = f"""
# role  name     key
infer   alice    {ALICE}
  admin\tmonitor\t{MONITOR}   # Prometheus
"""
KEYS = ApiKeys.parse(TEXT, "keys")
HEALTH = route("/health", "GET")
STATUS = route("/status", "GET")


def bearer(key: str) -> tuple[bytes, bytes]:
    return b"authorization", b"Bearer " + key.encode()


def x_api_key(key: str) -> tuple[bytes, bytes]:
    return b"x-api-key", key.encode()


def head(*fields: tuple[bytes, bytes]) -> Head:
    return Head("POST", fields=[(b"host", b"a"), *fields])


@pytest.mark.parametrize(
    ("fields", "holder"),
    [
        ((bearer(ALICE),), "alice"),
        ((bearer(MONITOR),), "monitor"),
        ((x_api_key(ALICE),), "alice"),
        (((b"authorization", b"bEaReR  " + ALICE.encode() + b" "),), "alice"),
        (((b"x-api-key", b" " + ALICE.encode() + b"\t"),), "alice"),
        ((bearer(ALICE), x_api_key(MONITOR)), "alice"),
        ((x_api_key(MONITOR), bearer(ALICE)), "alice"),
        ((bearer("EMPTY"), x_api_key(MONITOR)), "monitor"),
        ((), None),
        ((bearer(""),), None),
        ((bearer("EMPTY"),), None),
        ((bearer(ALICE[:-1]),), None),
        ((bearer(ALICE + "0"),), None),
        ((bearer(ALICE.upper()),), None),
        ((bearer(f"{ALICE} {MONITOR}"),), None),
        (((b"authorization", b"Basic " + ALICE.encode()),), None),
        (((b"authorization", ALICE.encode()),), None),
        (((b"authorization", b"Bearer"),), None),
        (((b"api-key", ALICE.encode()),), None),
    ],
)
def test_whose_key_it_is(fields, holder) -> None:
    found = KEYS.judge(head(*fields))
    assert (found.name if found else None) == holder


@pytest.mark.parametrize(
    ("route", "fields", "expected"),
    [
        (CHAT, (bearer(ALICE),), KeyHolder("alice", Role.INFER)),
        (CHAT, (bearer(MONITOR),), KeyHolder("monitor", Role.ADMIN)),
        (STATUS, (bearer(ALICE),), KeyHolder("alice", Role.INFER)),
        (HEALTH, (), None),
        (HEALTH, (bearer("wrong"),), None),
        (CHAT, (), "missing_api_key"),
        (STATUS, (), "missing_api_key"),
        (CHAT, ((b"authorization", b"Basic eDp5"),), "missing_api_key"),
        (CHAT, (bearer("wrong"),), "invalid_api_key"),
        (STATUS, (x_api_key("wrong"),), "invalid_api_key"),
    ],
)
def test_what_a_route_asks_for(route, fields, expected) -> None:
    answer = check(head(*fields), route, KEYS)
    if isinstance(answer, Refusal):
        assert (answer.status, answer.reason) == (401, Reason.UNAUTHORIZED)
        assert answer.headers()["WWW-Authenticate"] == "Bearer"
        assert answer.code == expected
    else:
        assert answer == expected


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_only_health_is_open_where_there_are_keys(route) -> None:
    assert needed_role(route) is (None if route.path == "/health" else Role.INFER)
    assert check(head(), route, None) is None
    assert needed_role(route) is None or route.kind in Kind


def test_who_sees_the_other_clients() -> None:
    assert sees_clients(None)
    assert sees_clients(KeyHolder("monitor", Role.ADMIN))
    assert not sees_clients(KeyHolder("alice", Role.INFER))


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["keys: found no key in it"]),
        ("\n# nothing\n \n", ["keys: found no key in it"]),
        ("infer alice", ["keys, line 1: found 2 words, expected three"]),
        (f"infer alice smith {ALICE}", ["keys, line 1: found 4 words, expected three"]),
        (f"\nroot alice {ALICE}", ["keys, line 2: found another first word, expected a role: infer or admin"]),
        (f"INFER alice {ALICE}", ["keys, line 1: found another first word"]),
        (f"{ALICE} infer alice", ["keys, line 1: found another first word"]),
        (f"infer al/ice {ALICE}", ["keys, line 1: found a second word that is no name"]),
        (f"infer {'a' * 33} {ALICE}", ["keys, line 1: found a second word that is no name"]),
        (f"infer {'a' * 32} {ALICE}", []),
        (f"infer -a {ALICE}", ["keys, line 1: found a second word that is no name"]),
        (f"infer älice {ALICE}", ["keys, line 1: found a second word that is no name"]),
        ("infer alice 0123456789abcde", ["keys, line 1: found a key of 15 characters, expected 16"]),
        ("infer alice 0123456789abcdef", []),
        (f"infer {ALICE} alice", ["keys, line 1: found a key of 5 characters"]),
        ("infer alice 0123456789abcdeé", ["keys, line 1: found a key with other characters"]),
        (f"infer alice {'k' * 512}", []),
        (f"infer alice {'k' * 513}", ["keys, line 1: found a key with other characters"]),
        (f"infer alice {ALICE}\ninfer alice {MONITOR}", ["keys, line 2: found the name of line 1 again"]),
        (f"infer alice {ALICE}\nadmin bob {ALICE}", ["keys, line 2: found the key of line 1 again"]),
        (
            f"infer\r\nroot bob {ALICE}\r\ninfer alice {ALICE}\r\ninfer eve short",
            ["keys, line 1: found 1 word,", "keys, line 2: found another", "keys, line 4: found a key of 5"],
        ),
        ("\n".join(f"infer n{i} {i:016d}" for i in range(256)), []),
        ("\n".join(f"infer n{i} {i:016d}" for i in range(257)), ["keys: found 257 keys, expected at most 256"]),
    ],
)
def test_every_problem_of_a_file_is_told_by_its_line(text, problems) -> None:
    if not problems:
        assert len(ApiKeys.parse(text, "keys")) >= 1
        return
    with pytest.raises(BadSettings) as raised:
        ApiKeys.parse(text, "keys")
    assert len(raised.value.problems) == len(problems)
    for found, expected in zip(raised.value.problems, problems, strict=True):
        assert found.startswith(expected)
        assert ALICE not in found and MONITOR not in found


def test_no_key_is_shown_or_logged(caplog) -> None:
    caplog.set_level(logging.DEBUG)
    holder = KEYS.judge(head(bearer(ALICE)))
    refused = check(head(bearer("not-a-key-of-ours")), CHAT, KEYS)
    shown = f"{KEYS!r} {KEYS} {holder!r} {refused!r} {caplog.text}"
    assert repr(KEYS) == "<ApiKeys infer alice, admin monitor>"
    assert ALICE not in shown and MONITOR not in shown and "not-a-key" not in shown


WORDS = st.sampled_from(["infer", "admin", "alice", "bob", ALICE, MONITOR, "#", "\n", "\n", "\r\n", "x" * 600, "\x00"])


@given(st.lists(WORDS, max_size=30).map(" ".join) | st.text(max_size=200))
def test_any_text_is_keys_or_problems_without_a_key(text) -> None:
    try:
        assert len(ApiKeys.parse(text, "keys")) >= 1
    except BadSettings as exc:
        assert exc.problems
        assert ALICE not in str(exc) and MONITOR not in str(exc)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"authorization", b"x-api-key", b"accept"]),
            st.binary(max_size=40) | st.sampled_from([b"Bearer ", b"Bearer \t", b"bearer x"]),
        ),
        max_size=5,
    )
)
def test_any_head_has_an_answer_and_nobody_guesses_a_key(fields) -> None:
    answer = check(head(*fields), CHAT, KEYS)
    assert isinstance(answer, Refusal)
    assert all(key for key in given_keys(head(*fields)))
