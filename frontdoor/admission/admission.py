"""Who may generate now: the cap, the line in front of it, and each client's share of both.

A place is one of the `cap` generations that may run at once; the slot is the engine that they all run on. A request
that asks gets a ticket (`ticket` draws its life) or a refusal. Whoever holds a ticket gives it back exactly once: when
its generation is over, or when its client has left, which loses its place in line at once.

A ticket costs what the engine will run for it: `weight` places (n, best_of, the prompts of a batch) and, where tokens
are counted, `tokens` of the KV cache. Both are known when the body has been read; until then it costs one place.

One decision in two halves. On the head alone (`ask`):

1. The slot cannot serve                                             -> that refusal
2. The client has as many as one client may have                     -> refused: client's share
3. A place is free, nobody waits for it, it is not kept for others   -> admitted
4. There is room in the line, and it is not kept for others          -> a place at its end
5. Otherwise                                                         -> refused: at capacity, or client's share

With the body (`weigh`):

6. It is larger than the server, or than one client may be           -> refused: can never run
7. The client would have more than one client may have               -> refused: client's share
8. It waits, or costs no more than it has                            -> its cost is noted
9. There is room, it is its turn, and it is not kept for others      -> admitted at its full cost
10. Requests may wait                                                -> back to the line, where it was in turn
11. Otherwise                                                        -> refused: at capacity, or client's share

`books` says whose turn it is, `fair_share` what is kept for whom. A request that was back in line has its old place
there even when the line is full: the line is longer than its limit by the cap at most.

Nothing here waits, reads a clock or touches a socket: `gate` does. Promises, whatever the order of events: neither the
places nor the tokens in use grow by an admission beyond their limit; the order of turns is kept; a ticket is released
once, and a second release is a bug of the caller that is raised.
"""

from __future__ import annotations

from frontdoor.admission import busy
from frontdoor.admission.books import Books
from frontdoor.admission.busy import House
from frontdoor.admission.fair_share import RETURN_S, Holding, Room
from frontdoor.admission.ticket import Limits, ReleasedTwice, Ticket, TicketState
from frontdoor.refusal import RETRY_AFTER_MAX_S, RETRY_AFTER_MIN_S, Refusal

__all__ = ["Admission", "Limits", "ReleasedTwice", "Ticket", "TicketState"]


class Admission:
    """Decides. `what` is the word for one of them in messages, without its s; another instance caps another kind.

    Times are in seconds; `now` is of any clock that never goes back; `next_free_s` is how long until a place is free.
    """

    def __init__(self, limits: Limits, what: str = "generation") -> None:
        self.what = what
        self._books = Books(limits)

    def __repr__(self) -> str:
        limits = self.limits
        return f"<Admission {self.active} of {limits.cap} active, {self.waiting} of {limits.max_waiting} waiting>"

    @property
    def limits(self) -> Limits:
        return self._books.limits

    @property
    def cap(self) -> int:
        return self._books.limits.cap

    @property
    def max_waiting(self) -> int:
        return self._books.limits.max_waiting

    @property
    def active(self) -> int:
        """The places in use, with those that are set aside."""
        return self._books.active

    @property
    def active_tokens(self) -> int:
        return self._books.tokens

    @property
    def aside(self) -> Room:
        return self._books.aside

    @property
    def waiting(self) -> int:
        return len(self._books.line)

    @property
    def line(self) -> tuple[Ticket, ...]:
        """Who waits, in the order of arrival. With fair share their turns may come in another one."""
        return tuple(self._books.line)

    def clients(self, most: int = 10) -> list[Holding]:
        """The clients that hold the most, in that order; to be read at once, for they change."""
        return self._books.clients.most_active(most)

    def ask(self, client: str, closed: Refusal | None, next_free_s: float, now: float) -> Ticket | Refusal:
        """Decides for one request that has just arrived. `closed` is why the slot cannot serve, or None.

        A ticket that waits may change whose turn it is: `advance` is to be called then.
        """
        if closed is not None:  # 1
            return closed
        books = self._books
        limits = books.limits
        if limits.per_client is not None and books.wanted_by(client) >= limits.per_client:  # 2
            return busy.client_cap(self.what, limits.per_client, next_free_s)
        if not books.line and books.fits(1, 1):  # a request has a token at least
            if not books.clients.claims:  # 3, as nearly always
                return books.take(books.arrival(client))
            if not books.keeps_places(client, 1, 0, now):  # 3
                books.settle(client, 1, 0)
                return books.take(books.arrival(client))
        elif len(books.line) >= limits.max_waiting:  # 5
            return self._turn_away(client, 1, 0, next_free_s, now)
        elif not books.keeps_line(client, now):  # 4
            books.settle(client, 1, 0)
            return books.stand(books.arrival(client))
        return busy.beyond_share(self.what, limits.cap, next_free_s)  # 5

    def weigh(
        self, ticket: Ticket, weight: int, tokens: int, next_free_s: float, now: float, param: str = "n"
    ) -> Refusal | None:
        """Charges a ticket what its body asks for. A refusal leaves it as it was, to be released by its holder.

        `weight` is at least 1; `param` is the field of the body to which a too large weight is put down. The ticket may
        be WAITING afterwards, and whose turn it is may have changed: `advance` is to be called then.
        """
        if never := self.can_never_run(weight, tokens, param):  # 6
            return never
        per_client = self.limits.per_client
        has = ticket.weight if ticket.state is TicketState.ADMITTED else 1
        if per_client is not None and weight > has:
            if self._books.wanted_by(ticket.client) - has + weight > per_client:  # 7
                return busy.client_cap(self.what, per_client, next_free_s)
        if ticket.state is TicketState.ADMITTED and (weight > ticket.weight or tokens > ticket.tokens):
            return self._charge(ticket, weight, tokens, next_free_s, now)
        self._books.settle(ticket.client, weight, tokens)
        self._books.reprice(ticket, weight, tokens)  # 8
        return None

    def release(self, ticket: Ticket) -> list[Ticket]:
        """Takes a ticket back, in use or in line; returns those of the line that are admitted by it.

        Raises ReleasedTwice.
        """
        books = self._books
        if ticket.state is TicketState.ADMITTED:
            books.give_back(ticket)
        elif ticket.state is TicketState.WAITING:
            books.leave(ticket)
        else:
            raise ReleasedTwice(f"ticket released twice, {self!r}")
        ticket.state = TicketState.GONE
        books.clients.forget_idle(ticket.client)
        return self.advance() if books.line else []

    def set_limits(self, limits: Limits) -> list[Ticket]:
        """Applies new limits at once; returns the tickets of the line that are admitted by them.

        Lower limits cut nobody off: more than the cap run until enough have ended. A shorter line sends nobody away.
        Who waits and is larger than the server has become holds up nobody; `can_never_run` says what to tell it.
        """
        self._books.set_limits(limits)
        return self.advance()

    def set_aside(self, places: int, tokens: int) -> list[Ticket]:
        """Counts so much as taken by another process at the same engine; returns who is admitted where it is less now.

        It is no limit: what is larger than the rest waits or is refused for the moment, as it would be at capacity.
        """
        self._books.set_aside(Room(places, tokens))
        return self.advance()

    def advance(self) -> list[Ticket]:
        """Admits everybody whose turn it is and for whom there is room; returns them in the order of their turns."""
        books = self._books
        admitted: list[Ticket] = []
        while books.line and books.active < books.limits.cap:
            ticket = books.whose_turn()
            if ticket is None or not books.fits(ticket.weight, ticket.tokens):
                break
            books.leave(ticket)
            admitted.append(books.take(ticket))
        return admitted

    def can_never_run(self, weight: int, tokens: int, param: str = "n") -> Refusal | None:
        """Why a request of this size can never be admitted under the present limits, or None."""
        limits = self._books.limits
        if weight > limits.cap:
            return busy.too_many(self.what, weight, f"this server runs at most {limits.cap}", param)
        if limits.per_client is not None and weight > limits.per_client:
            return busy.too_many(self.what, weight, f"one client may have at most {limits.per_client}", param)
        if limits.kv_tokens is not None and tokens > limits.kv_tokens:
            return busy.too_long(tokens, limits.kv_tokens)
        return None

    def queue_timeout(self, waited_s: float, next_free_s: float) -> Refusal:
        return busy.queue_timeout(self._house(next_free_s), waited_s)

    def _charge(self, ticket: Ticket, weight: int, tokens: int, next_free_s: float, now: float) -> Refusal | None:
        """9 to 11: for a ticket that is admitted, and costs more than the one place it has."""
        books = self._books
        before = ticket.weight, ticket.tokens
        books.give_back(ticket)
        ticket.weight, ticket.tokens = weight, tokens
        fits = books.fits(weight, tokens) and books.would_be_next(ticket)
        kept = fits and books.keeps_places(ticket.client, weight, tokens, now)
        if fits and not kept:  # 9
            books.settle(ticket.client, weight, tokens)
            books.take(ticket)
            return None
        if books.limits.max_waiting:  # 10
            books.settle(ticket.client, weight, tokens)
            books.stand(ticket)
            return None
        if kept:  # 11
            refusal = busy.beyond_share(self.what, books.limits.cap, next_free_s)
        else:
            refusal = self._turn_away(ticket.client, weight, tokens, next_free_s, now)
        ticket.weight, ticket.tokens = before
        books.take(ticket)
        return refusal

    def _turn_away(self, client: str, weight: int, tokens: int, next_free_s: float, now: float) -> Refusal:
        books = self._books
        if books.limits.fair_share:
            told_s = min(max(next_free_s, RETRY_AFTER_MIN_S), RETRY_AFTER_MAX_S)
            books.note_refusal(client, weight, tokens, now + told_s + RETURN_S)
        house = self._house(next_free_s)
        free_tokens = books.whole.tokens - books.tokens
        if books.active + weight > books.limits.cap:
            return busy.at_capacity(house, len(books.line)) if weight == 1 else busy.too_few_places(house, weight)
        if free_tokens <= 0:
            return busy.cache_full(house)
        if tokens > free_tokens:
            return busy.too_few_tokens(house, tokens, free_tokens)
        return busy.at_capacity(house, len(books.line))

    def _house(self, next_free_s: float) -> House:
        limits = self._books.limits
        return House(self.what, limits.busy_status, self._books.active, limits.cap, next_free_s)
