"""The words for a full house."""

from __future__ import annotations

import pytest

from frontdoor.admission import busy
from frontdoor.admission.busy import House
from frontdoor.refusal import Reason

FULL = House("generation", 503, 8, 8, 3.2)


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (
            busy.at_capacity(FULL, 0),
            "all 8 generation slots are in use; one is expected to be free in about 3 s",
        ),
        (
            busy.at_capacity(FULL, 1),
            "all 8 generation slots are in use and 1 request waits; one is expected to be free in about 3 s",
        ),
        (
            busy.at_capacity(FULL._replace(active=6, next_free_s=0.05), 64),
            "6 of 8 generation slots are in use and 64 requests wait; one is expected to be free in about 1 s",
        ),
        (
            busy.at_capacity(FULL._replace(what="pooling request"), 0),
            "all 8 pooling request slots are in use; one is expected to be free in about 3 s",
        ),
        (
            busy.at_capacity(FULL._replace(active=1, cap=1), 0),
            "the only generation slot is in use; it is expected to be free in about 3 s",
        ),
        (
            busy.at_capacity(FULL._replace(active=1, cap=1), 2),
            "the only generation slot is in use and 2 requests wait; it is expected to be free in about 3 s",
        ),
        (
            busy.at_capacity(FULL._replace(active=2, cap=1), 0),
            "the only generation slot is in use; it is expected to be free in about 3 s",
        ),
        (
            busy.cache_full(FULL._replace(active=1)),
            "the engine's KV cache is full with 1 generation; one is expected to end in about 3 s",
        ),
        (
            busy.too_few_places(FULL._replace(active=5), 4),
            "asks for 4 generations, and 5 of 8 generation slots are in use; the next is expected to be free in "
            "about 3 s",
        ),
        (
            busy.too_few_tokens(FULL._replace(active=5), 9000, 800),
            "may need 9000 tokens of the engine's KV cache, and 800 are free; the next generation is expected to end "
            "in about 3 s",
        ),
        (
            busy.cache_full(FULL._replace(active=5)),
            "the engine's KV cache is full with 5 generations; one is expected to end in about 3 s",
        ),
        (
            busy.queue_timeout(FULL, 30.04),
            "no generation slot of 8 became free within 30.0 s in line; one is expected to be free in about 3 s",
        ),
        (
            busy.too_many("generation", 9, "this server runs at most 8", "n"),
            "asks for 9 generations, this server runs at most 8",
        ),
    ],
)
def test_the_figures_are_in_the_words(refusal, expected) -> None:
    assert refusal.message == expected


@pytest.mark.parametrize("status", [503, 429, 529])
@pytest.mark.parametrize("told", [lambda house: busy.at_capacity(house, 0), lambda house: busy.queue_timeout(house, 1)])
def test_a_full_house_has_the_status_that_was_configured(status, told) -> None:
    refusal = told(FULL._replace(status=status))
    assert (refusal.status, refusal.code) == (status, "server_is_overloaded")
    assert refusal.headers()["retry-after-ms"] == "3200"


def test_programs_find_the_figures_beside_the_words() -> None:
    assert busy.at_capacity(FULL, 0).details == {"active_generations": 8, "max_active_generations": 8}
    pooling = busy.at_capacity(FULL._replace(what="pooling request"), 0)
    assert pooling.details == {"active_pooling_requests": 8, "max_active_pooling_requests": 8}


@pytest.mark.parametrize("refusal", [busy.client_cap("generation", 2, 3.2), busy.beyond_share("generation", 8, 3.2)])
def test_a_client_that_has_enough_is_told_so_whatever_the_busy_status(refusal) -> None:
    assert (refusal.status, refusal.reason) == (429, Reason.CLIENT_SHARE)
    assert refusal.headers()["Retry-After"] == "4"


@pytest.mark.parametrize(
    ("refusal", "code", "param"),
    [
        (busy.too_many("generation", 9, "this server runs at most 8", "best_of"), "invalid_request", "best_of"),
        (busy.too_long(9, 8), "context_length_exceeded", None),
    ],
)
def test_what_can_never_run_is_the_clients_to_change(refusal, code, param) -> None:
    assert (refusal.status, refusal.reason) == (400, Reason.BAD_REQUEST)
    assert (refusal.code, refusal.param) == (code, param)
    assert "Retry-After" not in refusal.headers()


def test_the_same_thing_is_put_into_words_once() -> None:
    assert busy.at_capacity(FULL, 0) is busy.at_capacity(House("generation", 503, 8, 8, 3.2), 0)
