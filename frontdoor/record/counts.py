"""What is counted of the requests that have ended: plain numbers, which `metrics` shows.

A request is counted once (2 us), when it has ended. Labels come from the profile, the route table and the enumerations
of this package, never from a request: a client cannot make series.

Counts whose labels are a closed set begin at 0, so that the first of its kind is seen as an increase. Counts with a
profile stay when another profile comes, but only those of the MAX_PROFILES latest.
"""

from __future__ import annotations

from frontdoor.record.call import Call, Outcome, Phase
from frontdoor.record.histogram import DURATION_S, INTERVAL_S, TTFT_S, WAIT_S, Histogram
from frontdoor.refusal import Reason
from frontdoor.routes import Kind

MAX_PROFILES = 16

NO_ROUTE = "other"
HTTP_5XX = "http_5xx"  # the engine's own, beside the reasons for which an exchange is given up
UPSTREAM_ERRORS = (
    Reason.UPSTREAM_DISCONNECTED,
    Reason.UPSTREAM_PROTOCOL,
    Reason.UPSTREAM_TIMEOUT,
    Reason.ENGINE_ERROR,
    Reason.INVALID_ANSWER,
)
REJECTIONS = tuple(reason for reason in Reason if reason not in (*UPSTREAM_ERRORS, Reason.INTERNAL_ERROR))
RETRIES = ("1", "2", "3+")


class RouteCounts:
    """The histograms of one route under one profile."""

    __slots__ = ("duration", "first_byte", "intervals", "queue_wait", "ttft")

    def __init__(self) -> None:
        self.ttft = Histogram(TTFT_S)
        self.first_byte = Histogram(TTFT_S)
        self.intervals = Histogram(INTERVAL_S)
        self.duration = Histogram(DURATION_S)
        self.queue_wait = Histogram(WAIT_S)

    def observe(self, call: Call) -> None:
        started = call.started
        if call.admitted is not None:
            self.queue_wait.observe(call.admitted - started)
        if call.first_byte is not None:
            self.first_byte.observe(call.first_byte - started)
        if call.first_token is not None:
            self.ttft.observe(call.first_token - started)
        self.intervals.add(call.intervals)
        if call.ended is not None:
            self.duration.observe(call.ended - started)


class ProfileCounts:
    """What is counted under one profile. `requests` is by route, status and outcome, `tokens` by type."""

    __slots__ = ("requests", "routes", "tokens")

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int | None, Outcome], int] = {}
        self.routes: dict[str, RouteCounts] = {}
        self.tokens = {"input": 0, "output": 0, "cached": 0}

    def count(self, call: Call, path: str) -> None:
        key = path, call.status, call.outcome
        self.requests[key] = self.requests.get(key, 0) + 1

    def observe(self, call: Call, path: str) -> None:
        counts = self.routes.get(path)
        if counts is None:
            counts = self.routes[path] = RouteCounts()
        counts.observe(call)
        tokens, told = self.tokens, call.tokens
        tokens["input"] += told.input
        tokens["output"] += told.output
        tokens["cached"] += told.cached


class Counts:
    """Everything that is counted."""

    def __init__(self) -> None:
        # the latest one last
        self.profiles: dict[str, ProfileCounts] = {}
        self.rejected: dict[str, int] = dict.fromkeys(REJECTIONS, 0)
        self.left: dict[str, int] = dict.fromkeys(Phase, 0)
        self.upstream_errors: dict[str, int] = dict.fromkeys((*UPSTREAM_ERRORS, HTTP_5XX), 0)
        self.retries: dict[str, int] = dict.fromkeys(RETRIES, 0)
        self.pings = 0
        self._profile = ""
        self._of_profile = ProfileCounts()

    def count(self, call: Call, profile: str) -> None:
        """Accounts for one request that has ended.

        1. By profile, route, status and outcome: all of them
        2. By retry: what an SDK has sent again
        3. A monitor's question             -> no more than that: it is no load, and no client is waiting
        4. Refused here                     -> by reason
        5. Any other, an engine's answer or a client that left: times, tokens and pings,
           and what went wrong, by the kind of error or by the phase in which the client left
        """
        if profile != self._profile:
            self._profile, self._of_profile = profile, self.of(profile)
        route, outcome = call.route, call.outcome
        path = NO_ROUTE if route is None else route.path
        self._of_profile.count(call, path)  # 1
        retry = call.retry
        if retry:  # 2
            self.retries[RETRIES[min(retry, len(RETRIES)) - 1]] += 1
        if route is not None and route.kind is Kind.OWN:  # 3
            return
        if outcome is Outcome.REFUSED:  # 4
            if call.reason is not None:
                self.rejected[call.reason] = self.rejected.get(call.reason, 0) + 1
            return
        self._of_profile.observe(call, path)  # 5
        self.pings += call.pings
        if outcome is Outcome.CLIENT_LEFT:
            self.left[call.phase] += 1
        elif outcome is Outcome.ENGINE_FAILED:
            kind = call.reason or HTTP_5XX
            self.upstream_errors[kind] = self.upstream_errors.get(kind, 0) + 1

    def of(self, profile: str) -> ProfileCounts:
        """The counts of a profile, which becomes the latest one."""
        counts = self.profiles.pop(profile, None)
        self.profiles[profile] = counts = counts if counts is not None else ProfileCounts()
        if len(self.profiles) > MAX_PROFILES:
            del self.profiles[next(iter(self.profiles))]
        return counts
