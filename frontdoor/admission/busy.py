"""What a client is told that gets no place: how full it is, whose fault that is, and when to ask again.

    at capacity      503, or 429 or 529 where configured    nobody's fault; a moment later it may do
    client's share   429                                    this client has enough; others could be served
    can never run    400                                    no moment will do: the request is larger than the server

Each text is made once for its figures: at the cap the same thing is said thousands of times a second.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from frontdoor.refusal import Reason, Refusal

# as many as there are different figures at one moment, and a few
_KEPT = 64


class House(NamedTuple):
    """How full it is. `what`: the word for one of them, such as generation; `status`: of an answer at capacity."""

    what: str
    status: int
    active: int
    cap: int
    next_free_s: float


@lru_cache(_KEPT)
def at_capacity(house: House, waiting: int) -> Refusal:
    line = f" and {waiting} {'request waits' if waiting == 1 else 'requests wait'}" if waiting else ""
    return _full(house, f"{_used(house)}{line}; {'it' if house.cap == 1 else 'one'} is expected to be free")


@lru_cache(_KEPT)
def cache_full(house: House) -> Refusal:
    return _full(
        house, f"the engine's KV cache is full with {_count(house.active, house.what)}; one is expected to end"
    )


@lru_cache(_KEPT)
def too_few_places(house: House, weight: int) -> Refusal:
    """For a request whose own place is not counted among the active ones."""
    used = f"{house.active} of {house.cap} {house.what} slots are in use"
    return _full(house, f"asks for {weight} {house.what}s, and {used}; the next is expected to be free")


@lru_cache(_KEPT)
def too_few_tokens(house: House, tokens: int, free_tokens: int) -> Refusal:
    needs = f"may need {tokens} tokens of the engine's KV cache, and {free_tokens} are free"
    return _full(house, f"{needs}; the next {house.what} is expected to end")


def queue_timeout(house: House, waited_s: float) -> Refusal:
    return Refusal(
        status=house.status,
        reason=Reason.QUEUE_TIMEOUT,
        code="server_is_overloaded",
        message=f"no {house.what} slot of {house.cap} became free within {waited_s:.1f} s in line; "
        f"one is expected to be free in {_about(house.next_free_s)}",
        retry_after_s=house.next_free_s,
    )


@lru_cache(_KEPT)
def client_cap(what: str, per_client: int, next_free_s: float) -> Refusal:
    more = f"this would be more {what}s at once than one client may have here ({per_client})"
    return _client_share(f"{more}; ask again when one of yours has ended", next_free_s)


@lru_cache(_KEPT)
def beyond_share(what: str, cap: int, next_free_s: float) -> Refusal:
    enough = f"you have your share of the {cap} {what} slots, and what is free is kept for others"
    return _client_share(f"{enough} that were refused a moment ago; ask again when one of yours has ended", next_free_s)


@lru_cache(_KEPT)
def too_many(what: str, weight: int, limit: str, param: str) -> Refusal:
    """400. `limit` in words: `this server runs at most 8`."""
    return Refusal(
        status=400,
        reason=Reason.BAD_REQUEST,
        code="invalid_request",
        message=f"asks for {weight} {what}s, {limit}",
        param=param,
    )


@lru_cache(_KEPT)
def too_long(tokens: int, kv_tokens: int) -> Refusal:
    """400, with the code by which clients know that shortening the conversation helps."""
    return Refusal(
        status=400,
        reason=Reason.BAD_REQUEST,
        code="context_length_exceeded",
        message=f"this request may need {tokens} tokens, prompt and output together, and the engine's KV cache holds "
        f"{kv_tokens}: shorten the prompt or ask for fewer output tokens",
    )


def _used(house: House) -> str:
    if house.cap == 1 and house.active:
        return f"the only {house.what} slot is in use"
    used = f"all {house.cap}" if house.active >= house.cap else f"{house.active} of {house.cap}"
    return f"{used} {house.what} slots are in use"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _full(house: House, message: str) -> Refusal:
    plural = f"{house.what}s".replace(" ", "_")
    return Refusal(
        status=house.status,
        reason=Reason.AT_CAPACITY,
        code="server_is_overloaded",
        message=f"{message} in {_about(house.next_free_s)}",
        retry_after_s=house.next_free_s,
        details={f"active_{plural}": house.active, f"max_active_{plural}": house.cap},
    )


def _client_share(message: str, next_free_s: float) -> Refusal:
    return Refusal(
        status=429,
        reason=Reason.CLIENT_SHARE,
        code="rate_limit_exceeded",
        message=message,
        retry_after_s=next_free_s,
    )


def _about(next_free_s: float) -> str:
    return f"about {max(1, round(next_free_s))} s"
