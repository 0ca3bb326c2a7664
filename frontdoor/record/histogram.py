"""Where observations fall: histograms as plain lists of counts, with vLLM's bounds.

`metrics` gives them to prometheus_client when somebody asks; until then an observation is one bisect and two additions
(0.2 us; a Histogram of prometheus_client takes 1.5 us, and a request has five of them).

`Intervals` is what a stream carries of the time between its events. It lives as long as its request, is told of every
arrival, and is added to the books once, at the end.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import add

# The bounds are vLLM's own (0.32, v1/metrics/buckets.py), so that both sides of a dashboard line up.
TTFT_S = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0),
)
DURATION_S = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0),
    *(120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)
# Two more at the lower end of each, which vLLM lacks: small models are faster than 10 ms, and most requests never wait.
INTERVAL_S = (
    *(0.002, 0.005),
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0),
)
WAIT_S = (0.01, 0.1, *DURATION_S)


class Histogram:
    """Counts by bucket. `counts` has one more than there are bounds: what lies above the last one.

    A value that equals a bound belongs below it, as Prometheus' `le` has it.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def add(self, intervals: Intervals) -> None:
        """Takes in what a stream has gathered. Its bounds must be this histogram's."""
        intervals.settle()
        if intervals.counts:
            self.counts = list(map(add, self.counts, intervals.counts))
            self.sum += intervals.total_s

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """(bound, how many were at or below it), the last one with the bound infinity."""
        below = 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            below += count
            yield bound, below


class Intervals:
    """The times between the events of one stream.

    Events that arrive together share the time since the arrival before them: n of them after t seconds are n intervals
    of t/n each. Otherwise a read that brings two events would count one interval of zero, and a busy proxy would look
    like a quick engine. The first arrival has nothing before it, and counts for none.

    Whoever has no time to count puts an arrival of one event into `uncounted`; somebody has to `settle` now and then.
    """

    __slots__ = ("_counted", "counts", "first", "last", "uncounted")

    def __init__(self) -> None:
        # of time.monotonic(), None before it
        self.first: float | None = None
        # single arrivals behind the one that was counted last, in order
        self.uncounted: list[float] = []
        # empty until the second arrival: most requests have none
        self.counts: list[int] = []
        # the latest arrival that was counted, 0.0 before it
        self.last = 0.0
        self._counted = 0

    @property
    def events(self) -> int:
        """How many have arrived."""
        return self._counted + len(self.uncounted)

    @property
    def total_s(self) -> float:
        """From the first arrival to the latest that was counted."""
        return 0.0 if self.first is None else self.last - self.first

    def note(self, now: float, events: int = 1) -> None:
        """So many events have arrived; a ping is none."""
        if events:
            self.settle()
            self._count(now, events)

    def settle(self) -> None:
        """Counts what is uncounted."""
        if self.uncounted:
            arrivals, self.uncounted[:] = self.uncounted[:], []
            for arrival in arrivals:
                self._count(arrival, 1)

    def _count(self, now: float, events: int) -> None:
        before, self.last = self.last, now
        self._counted += events
        if self.first is None:
            self.first = now
            return
        if not self.counts:
            self.counts = [0] * (len(INTERVAL_S) + 1)
        self.counts[bisect_left(INTERVAL_S, (now - before) / events)] += events
