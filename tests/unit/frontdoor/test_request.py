"""A body as it arrives: whole in the end, however it was cut, and no larger than it may be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdoor.http.head import Head
from frontdoor.http.request import SMALL_PIECE_BYTES, Request
from frontdoor.refusal import Reason, Refused


def request() -> Request:
    return Request(Head(method="POST", fields=[(b"transfer-encoding", b"chunked")]))


def read(taken: Request, limit_bytes: int) -> bytes:
    told: list[bytes] = []
    taken.ask(limit_bytes, lambda: told.append(taken.body()))
    (body,) = told
    return body


@given(st.lists(st.one_of(st.binary(max_size=5), st.just(b"x" * SMALL_PIECE_BYTES)), max_size=20))
def test_a_body_is_what_arrived(pieces: list[bytes]) -> None:
    taken = request()
    for piece in pieces:
        taken.take(piece)
    taken.complete()
    body = read(taken, 1 << 20)
    assert type(body) is bytes
    assert body == b"".join(pieces)


@pytest.mark.parametrize("pieces", [[b"123"], [b"1", b"2", b"3"], [b"12", b"3"]])
def test_the_limit_is_a_size_and_no_number_of_pieces(pieces: list[bytes]) -> None:
    taken = request()
    for piece in pieces:
        taken.take(piece)
    taken.complete()
    assert read(taken, 3) == b"123"


@pytest.mark.parametrize("pieces", [[b"1234"], [b"123", b"4"]])
def test_one_byte_more_is_too_large(pieces: list[bytes]) -> None:
    taken = request()
    for piece in pieces:
        taken.take(piece)
    taken.complete()
    with pytest.raises(Refused) as refused:
        read(taken, 3)
    assert refused.value.refusal.reason is Reason.TOO_LARGE


def test_who_asks_for_a_body_is_told_once() -> None:
    asked = request()
    told: list[bool] = []
    asked.ask(10, lambda: told.append(asked.is_complete))
    asked.take(b"1")
    assert told == []
    asked.complete()
    asked.left()
    assert told == [True]


@pytest.mark.parametrize("end", [Request.left, Request.forget])
def test_nobody_is_told_of_a_body_that_nobody_wants(end: Callable[[Request], None]) -> None:
    asked = request()
    told: list[bool] = []
    asked.ask(10, lambda: told.append(True))
    end(asked)
    asked.complete()
    assert told == []


def test_a_body_is_too_large_in_the_moment_in_which_it_is() -> None:
    asked = request()
    told: list[int] = []
    asked.ask(3, lambda: told.append(asked.size))
    for _ in range(3):
        asked.take(b"12")
    assert told == [4]
    with pytest.raises(Refused):
        asked.body()
