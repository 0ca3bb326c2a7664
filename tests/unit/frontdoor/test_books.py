"""Counting, and whose turn it is."""

from __future__ import annotations

import pytest

from frontdoor.admission.books import Books
from frontdoor.admission.ticket import Limits, Ticket, TicketState


def standing(books: Books, client: str, weight: int = 1, tokens: int = 0) -> Ticket:
    ticket = books.arrival(client)
    ticket.weight, ticket.tokens = weight, tokens
    return books.stand(ticket)


def taken(books: Books, client: str, weight: int = 1, tokens: int = 0) -> Ticket:
    ticket = books.arrival(client)
    ticket.weight, ticket.tokens = weight, tokens
    return books.take(ticket)


def test_a_ticket_counts_for_the_server_and_for_its_client() -> None:
    books = Books(Limits(8))
    ticket = taken(books, "a", 3, 500)
    taken(books, "b", 1, 20)
    assert (books.active, books.tokens, ticket.state) == (4, 520, TicketState.ADMITTED)
    assert books.wanted_by("a") == 3
    books.give_back(ticket)
    assert (books.active, books.tokens, books.wanted_by("a")) == (1, 20, 0)


@pytest.mark.parametrize(
    ("weight", "tokens", "expected"), [(3, 100, True), (4, 100, False), (3, 101, False), (1, 0, True)]
)
def test_both_caps_apply(weight, tokens, expected) -> None:
    books = Books(Limits(8, kv_tokens=1000))
    taken(books, "a", 5, 900)
    assert books.fits(weight, tokens) is expected


def test_without_a_limit_of_tokens_they_are_only_counted() -> None:
    books = Books(Limits(8))
    taken(books, "a", 1, 10**12)
    assert books.fits(1, 10**12)


def test_who_goes_back_to_the_line_stands_where_it_came() -> None:
    books = Books(Limits(1, 9))
    first, second = books.arrival("a"), books.arrival("b")
    third = standing(books, "c")
    books.stand(second)
    books.stand(first)
    assert books.line == [first, second, third]
    assert [books.index(ticket) for ticket in (first, second, third)] == [0, 1, 2]
    books.leave(second)
    assert books.line == [first, third]


@pytest.mark.parametrize(
    ("limits", "held", "line", "expected"),
    [
        (Limits(8), {}, [], None),
        (Limits(8), {"a": 8}, [("a", 1), ("b", 1)], 0),  # first come, first served
        (Limits(8), {"a": 1}, [("a", 8), ("b", 1)], 0),  # however much it needs
        (Limits(8), {}, [("a", 9), ("b", 1)], 1),  # unless it can never run
        (Limits(8), {}, [("a", 9)], None),
        (Limits(8, per_client=2), {"a": 2}, [("a", 1), ("b", 1)], 1),
        (Limits(8, fair_share=True), {"a": 7}, [("a", 1), ("b", 1)], 1),
        (Limits(8, fair_share=True), {"a": 3}, [("a", 1), ("b", 1)], 0),
        (Limits(8, fair_share=True), {"a": 4, "b": 3}, [("a", 1), ("b", 1)], 1),
        (Limits(8, fair_share=True), {"a": 7}, [("a", 1), ("b", 8)], 1),  # one request of each may always run
        (Limits(8, fair_share=True), {"a": 6}, [("a", 1)], 0),  # nobody else wants the place
        (Limits(8, fair_share=True), {"a": 3, "b": 3, "c": 1}, [("a", 1), ("b", 1)], 0),  # all have their share
        (Limits(8, fair_share=True), {"a": 7}, [("a", 1), ("b", 9), ("c", 1)], 2),
        (Limits(8, fair_share=True), {"a": 1}, [("a", 8), ("a", 1)], 0),  # nor does a client starve its own
        (Limits(8, fair_share=True), {"a": 1}, [("a", 8), ("a", 1), ("b", 1)], 2),
    ],
)
def test_whose_turn_it_is(limits, held, line, expected) -> None:
    books = Books(limits)
    for client, places in held.items():
        taken(books, client, places)
    tickets = [standing(books, client, weight) for client, weight in line]
    assert books.whose_turn() is (None if expected is None else tickets[expected])


def test_a_share_of_the_tokens_counts_as_one_of_the_places() -> None:
    books = Books(Limits(60, fair_share=True, kv_tokens=1000))
    taken(books, "a", 1, 600)
    standing(books, "a", 1, 100)
    other = standing(books, "b", 1, 300)
    assert books.whose_turn() is other


def test_whether_it_would_be_its_turn_leaves_the_line_as_it_was() -> None:
    books = Books(Limits(8, 9))
    first, second, third = (books.arrival(client) for client in "abc")
    books.stand(second)
    assert books.would_be_next(first)
    assert not books.would_be_next(third)
    assert books.line == [second]
