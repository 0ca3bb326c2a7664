"""Waiting for one's turn: `admission` decides, this wakes whoever was let in."""

from __future__ import annotations

import asyncio

from frontdoor.admission import Admission, Ticket, TicketState, queue_timeout
from frontdoor.refusal import Refusal, Refused


class Gate:
    """The one way into the engine. A ticket taken here is given back here, by `release`, on every path."""

    def __init__(self, cap: int, max_waiting: int) -> None:
        self.admission = Admission(cap, max_waiting)
        self._turns: dict[Ticket, asyncio.Future[None]] = {}

    def ask(self, closed: Refusal | None) -> Ticket:
        """A ticket, admitted or in line. Raises Refused."""
        ticket = self.admission.ask(closed)
        if isinstance(ticket, Refusal):
            raise Refused(ticket)
        return ticket

    async def turn(self, ticket: Ticket, timeout_s: float, waited_s: float) -> None:
        """Returns when the ticket is admitted. Raises Refused after `timeout_s`; `waited_s` was waited before."""
        if ticket.state is TicketState.ADMITTED:
            return
        turn = self._turns[ticket] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await turn
        except TimeoutError:
            if ticket.state is TicketState.WAITING:  # otherwise its turn came in the same run of the loop
                raise Refused(queue_timeout(waited_s + timeout_s, self.admission.cap)) from None
        finally:
            del self._turns[ticket]

    def release(self, ticket: Ticket) -> None:
        self._wake(self.admission.release(ticket))

    def set_limits(self, cap: int, max_waiting: int) -> None:
        self._wake(self.admission.set_limits(cap, max_waiting))

    def _wake(self, admitted: list[Ticket]) -> None:
        for ticket in admitted:
            turn = self._turns.get(ticket)  # none while its body is still being read
            if turn is not None and not turn.done():
                turn.set_result(None)
