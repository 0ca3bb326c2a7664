"""Shares, claims, and what is kept for whom."""

from __future__ import annotations

import pytest

from frontdoor.admission.fair_share import Claim, Clients, Room, share

WHOLE = Room(8, 1000)
LATER = 100.0


def clients(**active: int) -> Clients:
    books = Clients()
    for name, places in active.items():
        books.holding(name).active = places
    return books


@pytest.mark.parametrize(
    ("of", "among", "expected"),
    [(8, 1, 8), (8, 2, 4), (8, 3, 3), (8, 7, 2), (8, 8, 1), (8, 9, 1), (1, 2, 1), (1000, 3, 334)],
)
def test_a_share_is_rounded_up_and_is_never_nothing(of, among, expected) -> None:
    assert share(of, among) == expected


@pytest.mark.parametrize(
    ("active", "tokens", "weight", "more_tokens", "expected"),
    [
        (0, 0, 8, 1000, True),  # holds nothing: one request may always run
        (3, 0, 1, 0, True),
        (4, 0, 1, 0, False),
        (3, 0, 2, 0, False),
        (1, 400, 1, 100, True),
        (1, 400, 1, 101, False),
    ],
)
def test_within_half_of_all(active, tokens, weight, more_tokens, expected) -> None:
    books = clients(a=active)
    books.holding("a").tokens = tokens
    assert books.is_within_share("a", weight, more_tokens, WHOLE, clients=2) is expected


@pytest.mark.parametrize(
    ("active", "claims", "left", "expected"),
    [
        ({"hog": 6}, {}, 2, False),  # nobody else wants any
        ({"hog": 6}, {"hog": 1}, 2, False),  # nor is its own claim somebody else's
        ({"hog": 6}, {"b": 1}, 2, False),  # one for each
        ({"hog": 6}, {"b": 1}, 1, True),
        ({"hog": 6}, {"b": 2}, 2, True),
        ({"hog": 6}, {"b": 1, "c": 1}, 2, True),
        ({"hog": 6}, {"b": 1, "c": 1}, 3, False),
        ({"hog": 3}, {"b": 1}, 1, False),  # within its share of 4
        ({"hog": 4}, {"b": 1}, 1, True),
        ({}, {"b": 1}, 1, False),  # holds nothing
        ({"hog": 4, "b": 3}, {"b": 1}, 1, True),
        ({"hog": 4, "b": 4}, {"b": 1}, 1, False),  # b is beyond its own
    ],
)
def test_a_place_beyond_its_share_is_given_when_enough_are_left_for_the_others(active, claims, left, expected) -> None:
    books = clients(**active)
    for name, weight in claims.items():
        books.claim(name, Claim(weight, 0, LATER), most=8)
    assert books.keep_places("hog", 1, 0, WHOLE, Room(left, 1000), now=0.0) is expected


@pytest.mark.parametrize(("tokens_left", "expected"), [(300, False), (299, True)])
def test_tokens_are_kept_as_places_are(tokens_left, expected) -> None:
    books = clients(hog=2)
    books.holding("hog").tokens = 500
    books.claim("b", Claim(1, 200, LATER), most=8)
    assert books.keep_places("hog", 1, 100, WHOLE, Room(6, tokens_left), now=0.0) is expected


@pytest.mark.parametrize(("now", "expected"), [(LATER, True), (LATER + 0.01, False)])
def test_a_claim_ends_when_its_client_does_not_come_back(now, expected) -> None:
    books = clients(hog=7)
    books.claim("b", Claim(1, 0, LATER), most=8)
    assert books.keep_places("hog", 1, 0, WHOLE, Room(1, 1000), now) is expected


def test_there_are_no_more_claims_than_places_and_the_youngest_count() -> None:
    books = Clients()
    for name in ("a", "b", "c", "a", "d"):
        books.claim(name, Claim(1, 0, LATER), most=3)
    assert list(books.claims) == ["c", "a", "d"]


@pytest.mark.parametrize(
    ("waiting", "others", "left", "expected"),
    [
        (0, {"b": 0}, 1, False),
        (31, {"b": 0}, 1, False),  # a line of 64 and two clients: 32 for each
        (32, {"b": 0}, 1, True),
        (32, {"b": 0}, 2, False),
        (32, {"b": 32}, 1, False),
        (32, {}, 1, False),
    ],
)
def test_the_line_is_dealt_out_like_the_places(waiting, others, left, expected) -> None:
    books = Clients()
    books.holding("hog").waiting = waiting
    for name, places in others.items():
        books.holding(name).waiting = places
        books.claim(name, Claim(1, 0, LATER), most=8)
    assert books.keep_line("hog", 64, left, now=0.0) is expected


def test_the_largest_holders_come_first_and_who_has_nothing_is_forgotten() -> None:
    books = clients(a=1, b=3, c=1, d=0)
    books.holding("c").waiting = 2
    books.forget_idle("d")
    books.forget_idle("a")
    assert [holding.client for holding in books.most_active(9)] == ["b", "c", "a"]
    assert [holding.client for holding in books.most_active(2)] == ["b", "c"]
