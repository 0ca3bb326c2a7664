"""Who comes first when there are fewer places than are wanted. They are dealt out by client, not by request.

    share = all places / number of clients that hold or want some, rounded up

A client is within its share while what it holds and what it asks for are together no more than that: in places and,
where tokens are counted, in tokens. Who holds nothing is within its share whatever it asks for; otherwise a request
larger than a share could never run.

Where requests wait, one can see who wants a place, and `books` has the first in line that is within its share go first.
Where nobody waits, a client that was refused is gone, but not for long: it was told when to ask again. Until then it
has a *claim*:

    (none) --refused at capacity--> CLAIM --got as much, or RETURN_S after the moment it was told--> (none)

The promise: a client gets more than its share only if room is left for every claim of a client within its share. The
room in the line is dealt out by the same rule.

A claim is one request's worth, however often its client was refused, and there are never more claims than places: who
invents names for itself gains no more by inventing many.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import NamedTuple

# A client waits for whole seconds (up to one more than it was told), and its request needs a moment to get here.
RETURN_S = 2.0


@dataclass(slots=True)
class Holding:
    """What one client has: places and tokens of its admitted requests; `waiting` is its number of requests in line."""

    client: str
    active: int = 0
    tokens: int = 0
    waiting: int = 0


class Claim(NamedTuple):
    """What a refused client asked for, as far as it was known; `until` is on the clock of `now`."""

    weight: int
    tokens: int
    until: float


class Room(NamedTuple):
    """An amount of places and tokens: all there are, or what is left of them."""

    places: int
    tokens: int


def share(of: int, clients: int) -> int:
    """Each client's part of so many places or tokens, at least 1. `clients` is at least 1."""
    return max(1, -(-of // clients))


class Clients:
    """Who holds what, who waits, and who was refused a moment ago."""

    def __init__(self) -> None:
        self.holdings: dict[str, Holding] = {}
        self.claims: dict[str, Claim] = {}

    def holding(self, client: str) -> Holding:
        """The client's entry, made if need be. `forget_idle` takes it away again."""
        holding = self.holdings.get(client)
        if holding is None:
            holding = self.holdings[client] = Holding(client)
        return holding

    def forget_idle(self, client: str) -> None:
        holding = self.holdings[client]
        if not (holding.active or holding.waiting):
            del self.holdings[client]

    def claim(self, client: str, claim: Claim, most: int) -> None:
        """Notes a refusal. Beyond `most` claims the oldest is forgotten."""
        claims = self.claims
        claims.pop(client, None)  # a dict is in order of insertion: this one is the youngest now
        claims[client] = claim
        if len(claims) > most:
            del claims[next(iter(claims))]

    def is_within_share(self, client: str, weight: int, tokens: int, whole: Room, clients: int) -> bool:
        """Whether it may have so much more, where `whole` is dealt out among `clients`."""
        holding = self.holdings.get(client)
        if holding is None or holding.active == 0:
            return True
        fits = holding.active + weight <= share(whole.places, clients)
        return fits and holding.tokens + tokens <= share(whole.tokens, clients)

    def keep_places(self, client: str, weight: int, tokens: int, whole: Room, left: Room, now: float) -> bool:
        """Whether what is `left` is kept for others, so that this client must not have so much of it.

        1. It holds nothing, or no other has a claim      -> no
        2. It stays within its share                      -> no
        3. Room is left for the claims of others within theirs -> no
        4. Otherwise                                      -> yes
        """
        holding = self.holdings.get(client)
        if holding is None or holding.active == 0 or not (others := self._claimants(now) - {client}):  # 1
            return False
        clients = self._wanting()
        if self.is_within_share(client, weight, tokens, whole, clients):  # 2
            return False
        claims = [(other, self.claims[other]) for other in others]
        owed = [c for other, c in claims if self.is_within_share(other, c.weight, c.tokens, whole, clients)]
        places = weight + sum(claim.weight for claim in owed)
        return places > left.places or tokens + sum(claim.tokens for claim in owed) > left.tokens  # 3, 4

    def keep_line(self, client: str, whole: int, left: int, now: float) -> bool:
        """The same decision on one of the places `left` in a line for `whole` requests."""
        waiting = self._waiting(client)
        if not waiting or not (others := self._claimants(now) - {client}):  # 1
            return False
        fair = share(whole, self._wanting())
        if waiting < fair:  # 2
            return False
        return 1 + sum(self._waiting(other) < fair for other in others) > left  # 3, 4

    def most_active(self, most: int) -> list[Holding]:
        return sorted(self.holdings.values(), key=lambda h: (-h.active, -h.waiting, h.client))[:most]

    def _waiting(self, client: str) -> int:
        holding = self.holdings.get(client)
        return 0 if holding is None else holding.waiting

    def _claimants(self, now: float) -> Set[str]:
        for late in [client for client, claim in self.claims.items() if claim.until < now]:
            del self.claims[late]
        return self.claims.keys()

    def _wanting(self) -> int:
        return len(self.holdings.keys() | self.claims.keys())
