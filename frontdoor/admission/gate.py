"""Waiting for one's turn: `admission` decides, this wakes whoever was let in.

The one way into the engine, and the one way out: a ticket taken here is given back here, by `release`, on every path.

    ask (head) ──▶ turn ──▶ [body] ──▶ weigh ──▶ turn ──▶ engine ──▶ release
                   └ waits in line         └ may send back to the line

A `turn` may be left out or asked for again at any point: for a ticket that is admitted it returns at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from frontdoor.admission.admission import Admission, Limits, Ticket, TicketState
from frontdoor.admission.next_free import UNKNOWN_S
from frontdoor.refusal import Refusal, Refused


class Gate:
    """`what` is the word for one of those that pass here, without its s. `on_release` is called after each release."""

    def __init__(self, limits: Limits, what: str = "generation") -> None:
        self.admission = Admission(limits, what)
        self.on_release: Callable[[], None] = _nobody
        self._turns: dict[Ticket, asyncio.Future[None]] = {}

    def ask(self, client: str, closed: Refusal | None, next_free_s: float) -> Ticket:
        """A ticket, admitted or in line. Raises Refused."""
        ticket = self.admission.ask(client, closed, next_free_s, monotonic())
        if isinstance(ticket, Refusal):
            raise Refused(ticket)
        if ticket.state is TicketState.WAITING:
            self._wake(self.admission.advance())
        return ticket

    def weigh(self, ticket: Ticket, weight: int, tokens: int, next_free_s: float, param: str = "n") -> None:
        """Charges what the body asks for; the ticket may be in line afterwards. Raises Refused."""
        refusal = self.admission.weigh(ticket, weight, tokens, next_free_s, monotonic(), param)
        self._wake(self.admission.advance())
        if refusal is not None:
            raise Refused(refusal)

    async def turn(
        self, ticket: Ticket, timeout_s: float, waited_s: float, next_free: Callable[[], float] = lambda: UNKNOWN_S
    ) -> None:
        """Returns when the ticket is admitted. Raises Refused after `timeout_s`; `waited_s` was waited before.

        `next_free` is asked then how long until a place becomes free. One turn of a ticket is waited for at a time.
        """
        if ticket.state is TicketState.ADMITTED:
            return
        if never := self._never(ticket):
            raise never
        turn = self._turns[ticket] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await turn
        except TimeoutError:
            if ticket.state is TicketState.WAITING:  # otherwise its turn came in the same run of the loop
                raise Refused(self.admission.queue_timeout(waited_s + timeout_s, next_free())) from None
        finally:
            del self._turns[ticket]

    def release(self, ticket: Ticket) -> None:
        if admitted := self.admission.release(ticket):
            self._wake(admitted)
        self.on_release()

    def set_aside(self, places: int, tokens: int) -> None:
        """Has so much counted as taken by another process at the same engine."""
        self._wake(self.admission.set_aside(places, tokens))

    def set_limits(self, limits: Limits) -> None:
        self._wake(self.admission.set_limits(limits))
        for ticket, turn in self._turns.items():
            if not turn.done() and (never := self._never(ticket)):
                turn.set_exception(never)

    def _never(self, ticket: Ticket) -> Refused | None:
        """Why its turn can never come: the limits may have shrunk below it while it was in line."""
        never = self.admission.can_never_run(ticket.weight, ticket.tokens)
        return Refused(never) if never is not None else None

    def _wake(self, admitted: list[Ticket]) -> None:
        for ticket in admitted:
            turn = self._turns.get(ticket)  # none while its body is still being read
            if turn is not None and not turn.done():
                turn.set_result(None)


def _nobody() -> None:
    pass
