"""The right to a generation, and the limits under which it is given.

    (asked) --free place--> ADMITTED --released------------> GONE
        |                    |   ^                             ^
        |     its body needs |   | there is room,              |
        |     more than is   |   | and it is its turn          |
        |     free           v   |                             |
        +--room in line---> WAITING --released (client left)---+

`admission` decides on every arrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Limits:
    """What may run and wait at once.

    `cap`: places, at least 1. `max_waiting`: requests in line (0: nobody waits). `per_client`: places of one client.
    `fair_share`: deal places out by client when there are too few. `kv_tokens`: tokens of all requests together.
    `busy_status`: of an answer at capacity.
    """

    cap: int
    max_waiting: int = 0
    per_client: int | None = None
    fair_share: bool = False
    kv_tokens: int | None = None
    busy_status: int = 503


class TicketState(StrEnum):
    WAITING = "waiting"
    ADMITTED = "admitted"
    GONE = "gone"


@dataclass(slots=True, eq=False)
class Ticket:
    """The right to a generation, or a place in line for it. Tickets are told apart by identity.

    It costs `weight` places and `tokens` of the KV cache. `number` counts arrivals: a ticket that goes back to the line
    finds its turn by it.
    """

    state: TicketState
    client: str
    weight: int = 1
    tokens: int = 0
    number: int = 0


class ReleasedTwice(RuntimeError):
    """A ticket was given back a second time: the caller has lost count."""
