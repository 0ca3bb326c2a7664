"""When a place is expected to be free, from the requests that run now."""

from __future__ import annotations

from collections.abc import Collection
from time import monotonic

from frontdoor.admission.next_free import Running, Typical, next_free_s
from frontdoor.record.call import Call, Outcome
from frontdoor.routes import Kind

# At the cap thousands ask in a second, and the estimate is rougher than this.
KEPT_S = 0.25


class Expectation:
    """`calls` are the open requests; it is read only when the last answer is older than KEPT_S."""

    def __init__(self, calls: Collection[Call]) -> None:
        self._calls = calls
        self._typical = Typical()
        self._seconds = 0.0
        self._worked_out = float("-inf")

    def __call__(self) -> float:
        now = monotonic()
        if now - self._worked_out >= KEPT_S:
            self._worked_out = now
            running = [_running(call, call.admitted) for call in self._calls if call.admitted is not None]
            self._seconds = next_free_s(running, now, self._typical.seconds)
        return self._seconds

    def note(self, call: Call) -> None:
        """One that has ended; those that ran to their end tell how long generations last."""
        is_generation = call.route is not None and call.route.kind is Kind.GENERATION
        if is_generation and call.outcome is Outcome.OK and call.admitted is not None and call.ended is not None:
            self._typical.note(call.ended - call.admitted)


def _running(call: Call, admitted: float) -> Running:
    return Running(admitted, call.intervals.first, call.events, call.output_limit)
