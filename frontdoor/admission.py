"""Who may generate now: the cap, and the line in front of it.

A request that asks gets a ticket or a refusal. A ticket is admitted at once or waits in line; whoever holds one gives
it back exactly once, when its generation is over or when its client has left the line.

    (asked) --free place--> ADMITTED --released--> GONE
        |                       ^                    ^
        +--room in line---> WAITING --released-------+
                            (a place became free: ADMITTED, first come first served)

A place is one of the `cap` generations that may run at once; the slot is the engine that they all run on.

Nothing here waits, reads a clock or touches a socket: `gate` does. Three promises, whatever the order of events:
the number of admitted tickets never grows while it is at or above the cap; the line is served in the order of
arrival; a ticket is released once, and a second release is a bug of the caller that is raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from frontdoor.refusal import Reason, Refusal


class TicketState(StrEnum):
    WAITING = "waiting"
    ADMITTED = "admitted"
    GONE = "gone"


@dataclass(slots=True, eq=False)
class Ticket:
    """The right to one generation, or a place in line for it. Tickets are told apart by identity."""

    state: TicketState


class ReleasedTwice(RuntimeError):
    """A ticket was given back a second time: the caller has lost count."""


class Admission:
    """The books: tickets in use, tickets in line, and the two limits.

    `cap` is the number of generations that may run at once (at least 1); `max_waiting` is the length of the line
    (0: nobody waits).
    """

    def __init__(self, cap: int, max_waiting: int) -> None:
        self.cap = cap
        self.max_waiting = max_waiting
        self.active = 0
        # a dict serves as the line: ordered, and a client that leaves is taken out of its middle at once
        self._line: dict[Ticket, None] = {}

    def __repr__(self) -> str:
        return f"<Admission {self.active} of {self.cap} active, {self.waiting} of {self.max_waiting} waiting>"

    @property
    def waiting(self) -> int:
        return len(self._line)

    def ask(self, closed: Refusal | None) -> Ticket | Refusal:
        """Decides for one request that has just arrived. `closed` is why the slot cannot serve, or None.

        1. The slot cannot serve             -> that refusal
        2. A place is free, so nobody waits  -> admitted
        3. There is room in the line         -> a place at its end
        4. Otherwise                         -> refused: at capacity
        """
        if closed is not None:  # 1
            return closed
        if self.active < self.cap:  # 2
            self.active += 1
            return Ticket(TicketState.ADMITTED)
        if len(self._line) < self.max_waiting:  # 3
            ticket = Ticket(TicketState.WAITING)
            self._line[ticket] = None
            return ticket
        return self._at_capacity()  # 4

    def release(self, ticket: Ticket) -> list[Ticket]:
        """Takes a ticket back, in use or in line; returns those of the line that are admitted by it.

        Raises ReleasedTwice.
        """
        if ticket.state is TicketState.GONE:
            raise ReleasedTwice(f"ticket released twice, {self!r}")
        if ticket.state is TicketState.WAITING:
            del self._line[ticket]
        else:
            self.active -= 1
        ticket.state = TicketState.GONE
        return self._advance()

    def set_limits(self, cap: int, max_waiting: int) -> list[Ticket]:
        """Applies new limits at once; returns the tickets of the line that are admitted by them.

        A lower cap cuts nobody off: more than the cap run until enough have ended. A shorter line sends nobody away.
        """
        self.cap = cap
        self.max_waiting = max_waiting
        return self._advance()

    def _advance(self) -> list[Ticket]:
        admitted = []
        while self._line and self.active < self.cap:
            ticket = next(iter(self._line))
            del self._line[ticket]
            ticket.state = TicketState.ADMITTED
            self.active += 1
            admitted.append(ticket)
        return admitted

    def _at_capacity(self) -> Refusal:
        line = f" and {self.waiting} waiting" if self._line else ""
        return Refusal(
            status=503,
            reason=Reason.AT_CAPACITY,
            code="server_is_overloaded",
            message=f"all {self.cap} generation slots are in use{line}; try again in a moment",
            retry_after_s=1.0,
            details={"active_generations": self.active, "max_active_generations": self.cap},
        )


def queue_timeout(waited_s: float, cap: int) -> Refusal:
    return Refusal(
        status=503,
        reason=Reason.QUEUE_TIMEOUT,
        code="server_is_overloaded",
        message=f"no generation slot of {cap} became free within {waited_s:.1f} s in line; try again in a moment",
        retry_after_s=1.0,
    )
