"""What the simulated engine computes next, and for whom: vLLM's scheduler in small.

    WAITING  --admitted: a place among max_num_seqs, and blocks for the prompt-->  RUNNING
    RUNNING  --no block left for its next token, and it came last-->               WAITING (preempted, at the front)
    RUNNING  --its last token, or aborted-->                                       gone
    WAITING  --aborted-->                                                          gone

Time passes in steps. `plan` decides what one step holds: first the next token of everything whose prompt is computed,
then as much of the waiting prompts as `max_batched_tokens` leaves room for (a long prompt takes several steps:
chunked prefill). `complete` says which tokens came out of it. Whoever runs the engine sleeps for `Step.seconds` in
between.

Nothing here knows a clock, a socket or a word: a token is a request and a position.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from slot.simulator import timing
from slot.simulator.kv_cache import Holding, KvCache
from slot.simulator.timing import Timing

SLOW_STEP_S = 0.1


@dataclass(eq=False)
class Request:
    """One generation. `max_tokens` is what it produces unless aborted, and `finish_reason` what that is called;
    `stalls_after`: it never gets further than so many tokens. `slow_steps`: so many steps of its prefill bring nothing
    but blocks.
    """

    prompt: Sequence[int]
    max_tokens: int
    finish_reason: str = "length"
    stalls_after: int | None = None
    slow_steps: int = 0
    produced: int = 0
    computed: int = 0  # tokens of the prompt, and after a preemption also of its own output, that are in the KV cache
    cached_tokens: int = 0  # as the client is told: of the prompt, when it was first admitted
    holding: Holding | None = None

    @property
    def tokens(self) -> int:
        return len(self.prompt) + self.produced

    @property
    def to_compute(self) -> int:
        """Tokens that must be in the KV cache before the next one can be produced."""
        return max(0, self.tokens - self.computed)

    @property
    def is_finished(self) -> bool:
        return self.produced >= self.max_tokens

    @property
    def is_stalled(self) -> bool:
        return self.stalls_after is not None and self.produced >= self.stalls_after

    @property
    def decodes(self) -> bool:
        return self.to_compute == 1 and not self.slow_steps and not self.is_stalled


@dataclass(frozen=True)
class Step:
    """One step: how many tokens of which request are computed, and how long that takes."""

    shares: tuple[tuple[Request, int], ...]
    seconds: float


@dataclass(frozen=True)
class Token:
    """`position` of the output, from 0; `is_last`: the request has all that it asked for and is gone."""

    request: Request
    position: int
    is_last: bool


@dataclass
class Counters:
    """What the engine has done since it started; only ever rising."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    generation_tokens: int = 0
    preemptions: int = 0
    cache_queries: int = 0
    cache_hits: int = 0


@dataclass(frozen=True)
class Load:
    """How many requests there are, as the engine tells it."""

    running: int
    waiting: int


@dataclass
class Engine:
    """`stands_still_after`: as soon as one request has produced so many tokens, no step is ever planned again.

    `wedged`: it stands still for good, notices nothing, and this is the last that it told of itself.
    """

    timing: Timing
    cache: KvCache
    max_num_seqs: int
    max_batched_tokens: int
    stands_still_after: int | None = None
    wedged: Load | None = None
    running: list[Request] = field(default_factory=list)
    waiting: deque[Request] = field(default_factory=deque)
    counters: Counters = field(default_factory=Counters)

    def __repr__(self) -> str:
        return f"<Engine {len(self.running)} running, {len(self.waiting)} waiting, {self.cache!r}>"

    def add(self, request: Request) -> None:
        self.waiting.append(request)

    @property
    def load(self) -> Load:
        return self.wedged or Load(len(self.running), len(self.waiting))

    def wedge(self, *, as_idle: bool) -> None:
        """From now on nothing happens in it any more. `as_idle`: it seems to have nothing to do, besides."""
        self.wedged = Load(0, 0) if as_idle else self.load

    def abort(self, request: Request) -> None:
        """Forgets a request wherever it is; one that is gone already is no mistake."""
        if self.wedged:
            return
        if request in self.running:
            self._leave(request)
        elif request in self.waiting:
            self.waiting.remove(request)

    def plan(self) -> Step | None:
        """The next step, or None while there is nothing that could be computed."""
        if self.stands_still or self.wedged:
            return None
        self._make_room_for_next_tokens()
        budget = self.max_batched_tokens
        decoding = [request for request in self.running if request.decodes]
        shares = [(request, 1) for request in decoding[:budget]]
        budget -= len(shares)
        begins = self._admit(budget)
        prefilling = [request for request in self.running if request not in decoding and not request.is_stalled]
        prefill_tokens = 0
        slow = [request for request in prefilling if request.slow_steps]
        shares += [(request, 0) for request in slow]
        for request in prefilling:
            if request in slow:
                continue
            share = min(budget - prefill_tokens, request.to_compute)
            if share > 0:
                shares.append((request, share))
                prefill_tokens += share
        if not shares:
            return None
        seconds = timing.step_s(self.timing, prefill_tokens=prefill_tokens, begins=begins, streams=len(decoding))
        return Step(tuple(shares), max(seconds, SLOW_STEP_S) if slow else seconds)

    def complete(self, step: Step) -> list[Token]:
        """The tokens of a finished step; what was aborted in the meantime gets none, and nobody once it is wedged."""
        if self.wedged:
            return []
        return [token for request, share in step.shares if (token := self._advance(request, share))]

    @property
    def stands_still(self) -> bool:
        after = self.stands_still_after
        return after is not None and any(request.produced >= after for request in self.running)

    def _advance(self, request: Request, share: int) -> Token | None:
        if request.holding is None:  # aborted while the step ran
            return None
        if request.slow_steps:
            request.slow_steps -= 1
            self.cache.grow(request.holding, request.holding.blocks * self.cache.block_size + 1)
            return None
        request.computed += share
        if request.to_compute:  # more of its prompt to come
            return None
        request.produced += 1
        self.counters.generation_tokens += 1
        if request.is_finished:
            self._leave(request)
        return Token(request, request.produced - 1, request.is_finished)

    def _admit(self, budget: int) -> bool:
        """Lets waiting requests in, first come first served, while there is a place, room and budget."""
        before = len(self.running)
        while self.waiting and budget > 0 and len(self.running) < self.max_num_seqs:
            request = self.waiting[0]
            holding = self.cache.admit(request.prompt, request.tokens + 1)
            if holding is None:
                break
            self.running.append(self.waiting.popleft())
            self._begin(request, holding)
            budget -= request.to_compute
        return len(self.running) > before

    def _begin(self, request: Request, holding: Holding) -> None:
        request.holding = holding
        request.computed = holding.cached_tokens
        self.counters.cache_queries += len(request.prompt)
        self.counters.cache_hits += holding.cached_tokens
        if not request.produced:  # a preempted one was counted when it first came
            request.cached_tokens = holding.cached_tokens
            self.counters.prompt_tokens += len(request.prompt)
            self.counters.cached_tokens += holding.cached_tokens

    def _make_room_for_next_tokens(self) -> None:
        """Every running request gets a block for its next token; where there is none, who came last makes room."""
        for request in list(self.running):
            while request.holding is not None and not self.cache.grow(request.holding, request.tokens + 1):
                self._preempt(self.running[-1])

    def _preempt(self, request: Request) -> None:
        self._leave(request)
        request.computed = 0
        self.waiting.appendleft(request)
        self.counters.preemptions += 1

    def _leave(self, request: Request) -> None:
        self.running.remove(request)
        if request.holding is not None:
            self.cache.release(request.holding)
            request.holding = None
