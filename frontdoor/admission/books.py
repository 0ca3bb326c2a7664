"""Who has which places, and who stands where in the line: the counting behind `admission`, and whose turn it is.

The line is in the order of arrival. Whose turn it is: the first in line; with fair share, the first whose client is
within its share, and only if there is none, the first, because no place stays empty for the sake of fairness. The
requests of one client are served in order in any case. One that is larger than it may be is passed over. Nobody else
is: places stay empty until there are enough for whose turn it is, so a heavy request is never starved by light ones.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, insort
from operator import attrgetter

from frontdoor.admission.fair_share import Claim, Clients, Room
from frontdoor.admission.ticket import Limits, Ticket, TicketState

_NO_LIMIT = sys.maxsize
_arrival = attrgetter("number")


class Books:
    """Counts, and does what it is told: none of these methods refuses anything.

    `active` places and `tokens` are those in use, with what is set aside; `line` is who waits, in the order of arrival.
    """

    def __init__(self, limits: Limits) -> None:
        self.active = 0
        self.tokens = 0
        self.aside = Room(0, 0)
        self.line: list[Ticket] = []
        self.clients = Clients()
        self._arrived = 0
        self.set_limits(limits)

    def set_limits(self, limits: Limits) -> None:
        self.limits = limits
        self.whole = Room(limits.cap, _NO_LIMIT if limits.kv_tokens is None else limits.kv_tokens)

    def set_aside(self, aside: Room) -> None:
        """Counts so much as taken by somebody else, instead of what was set aside before."""
        self.active += aside.places - self.aside.places
        self.tokens += aside.tokens - self.aside.tokens
        self.aside = aside

    def arrival(self, client: str) -> Ticket:
        """A new ticket, not yet anywhere: `take` it or have it `stand`."""
        self._arrived += 1
        return Ticket(TicketState.GONE, client, 1, 0, self._arrived)

    def take(self, ticket: Ticket) -> Ticket:
        """Gives the ticket the places it costs."""
        holding = self.clients.holding(ticket.client)
        holding.active += ticket.weight
        holding.tokens += ticket.tokens
        self.active += ticket.weight
        self.tokens += ticket.tokens
        ticket.state = TicketState.ADMITTED
        return ticket

    def give_back(self, ticket: Ticket) -> None:
        holding = self.clients.holdings[ticket.client]
        holding.active -= ticket.weight
        holding.tokens -= ticket.tokens
        self.active -= ticket.weight
        self.tokens -= ticket.tokens

    def reprice(self, ticket: Ticket, weight: int, tokens: int) -> None:
        """Has the ticket cost something else where it is: in use, or in line, where it costs nothing yet."""
        is_in_use = ticket.state is TicketState.ADMITTED
        if is_in_use:
            self.give_back(ticket)
        ticket.weight, ticket.tokens = weight, tokens
        if is_in_use:
            self.take(ticket)

    def stand(self, ticket: Ticket) -> Ticket:
        """Puts the ticket into the line, in front of whoever came later."""
        insort(self.line, ticket, key=_arrival)
        self.clients.holding(ticket.client).waiting += 1
        ticket.state = TicketState.WAITING
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Takes the ticket out of the line."""
        del self.line[self.index(ticket)]
        self.clients.holdings[ticket.client].waiting -= 1

    def index(self, ticket: Ticket) -> int:
        return bisect_left(self.line, ticket.number, key=_arrival)

    def fits(self, weight: int, tokens: int) -> bool:
        return self.active + weight <= self.whole.places and self.tokens + tokens <= self.whole.tokens

    def wanted_by(self, client: str) -> int:
        """The places that it holds, and one for each of its requests in line."""
        holding = self.clients.holdings.get(client)
        return 0 if holding is None else holding.active + holding.waiting

    def whose_turn(self) -> Ticket | None:
        """None where nobody waits that may ever run."""
        able = (ticket for ticket in self.line if self._may_run(ticket))
        if not self.limits.fair_share:
            return next(able, None)
        first = None
        clients = len(self.clients.holdings)
        seen: set[str] = set()
        for ticket in able:
            if ticket.client in seen:
                continue
            if self.clients.is_within_share(ticket.client, ticket.weight, ticket.tokens, self.whole, clients):
                return ticket
            seen.add(ticket.client)
            first = first or ticket
        return first

    def would_be_next(self, ticket: Ticket) -> bool:
        """Whether it would be this ticket's turn if it stood in line."""
        if not self.line:
            return True
        self.stand(ticket)
        is_next = self.whose_turn() is ticket
        self.leave(ticket)
        return is_next

    def note_refusal(self, client: str, weight: int, tokens: int, until: float) -> None:
        self.clients.claim(client, Claim(weight, tokens, until), self.limits.cap)

    def settle(self, client: str, weight: int, tokens: int) -> None:
        """The client got so much, so it has no claim to it any more; one to more than that stays."""
        claim = self.clients.claims.get(client)
        if claim is not None and claim.weight <= weight and claim.tokens <= tokens:
            del self.clients.claims[client]

    def keeps_places(self, client: str, weight: int, tokens: int, now: float) -> bool:
        """Whether what is free is kept for others (never where they can wait for it)."""
        if not self.clients.claims or not self.limits.fair_share or self.limits.max_waiting:
            return False
        left = Room(self.whole.places - self.active, self.whole.tokens - self.tokens)
        return self.clients.keep_places(client, weight, tokens, self.whole, left, now)

    def keeps_line(self, client: str, now: float) -> bool:
        """Whether what is free in the line is kept for others."""
        if not self.clients.claims or not self.limits.fair_share:
            return False
        length = self.limits.max_waiting
        return self.clients.keep_line(client, length, length - len(self.line), now)

    def _may_run(self, ticket: Ticket) -> bool:
        """Whether more room would help it: it is no larger than the server, and its client may have so much."""
        weight, per_client = ticket.weight, self.limits.per_client
        if weight > self.whole.places or ticket.tokens > self.whole.tokens:
            return False
        return per_client is None or self.clients.holding(ticket.client).active + weight <= per_client
