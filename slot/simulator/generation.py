"""One ask, run on the engine: tokens become words, stop strings end them, faults spoil them.

`Generation` yields `Delta`s, of all prompts and choices of the ask as they come; leaving it
early aborts what still runs. Faults that change what is said are here; those that change how it is framed are in
`deeds`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from slot.simulator import tokens
from slot.simulator.asks import Ask
from slot.simulator.engine import SLOW_STEP_S, Request, Token
from slot.simulator.engine_loop import EngineDead, EngineLoop
from slot.simulator.failure_texts import CRASH, DEVICE_LOST
from slot.simulator.faults import Fault, FaultName
from slot.simulator.stop_strings import StopStrings
from slot.simulator.tokens import Voice

# A sampled answer without a seed differs from request to request, but not from run to run.
_UNSEEDED = 1 << 40


@dataclass(frozen=True, slots=True)
class Delta:
    """What one step added to one choice. `alternatives`: (token, logprob), the said one first, if asked for."""

    choice: int
    token: int
    text: str
    finish_reason: str | None
    stop_reason: str | None
    alternatives: Sequence[tuple[int, float]] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int


class _Choice:
    """One answer to one prompt while it is produced."""

    def __init__(self, index: int, prompt: Sequence[int], ask: Ask, voice: Voice, budget: int) -> None:
        # the end of text is a token like the others: it is computed, and it counts
        natural = max(voice.natural_length + 1, ask.min_tokens)
        self.index = index
        self.voice = voice
        self.ends_itself = not ask.ignore_eos and natural <= budget
        if self.ends_itself:
            self.request = Request(prompt, natural, finish_reason="stop")
        else:
            self.request = Request(prompt, budget)
        self.stops = StopStrings(ask.stops)

    def token(self, position: int, fault: Fault | None) -> int:
        if fault is not None and (fault.name is FaultName.GARBAGE or fault.how == "vllm"):
            return 2 * tokens.EXCLAMATION
        if self.ends_itself and position == self.request.max_tokens - 1:
            return tokens.END_OF_TEXT
        return self.voice.token(position)

    def alternatives(self, position: int, count: int, fault: Fault | None) -> list[tuple[int, float]]:
        said = self.voice.alternatives(position, max(1, count))
        if fault is not None and fault.name is FaultName.NAN:
            return [(token, float("nan")) for token, _ in said]
        return said


class Generation:
    """`seed`: the engine's; `fault`: what befalls this ask, its own or the engine's."""

    def __init__(self, loop: EngineLoop, ask: Ask, *, max_model_len: int, seed: int, fault: Fault | None) -> None:
        self.ask = ask
        self.fault = fault
        self._loop = loop
        self._arrived: asyncio.Queue[Token | EngineDead] = asyncio.Queue()
        self._completion_tokens = 0
        unseeded = _UNSEEDED + next(loop.numbers)
        self._choices: dict[Request, _Choice] = {}
        for number, prompt in enumerate(ask.prompts):
            for copy in range(ask.choices):
                variation = 0 if ask.greedy else (unseeded if ask.seed is None else int(ask.seed) + 1) + (copy << 44)
                voice = tokens.voice(prompt, seed=seed, variation=variation)
                index = number * ask.choices + copy
                choice = _Choice(index, prompt, ask, voice, ask.budget(prompt, max_model_len))
                self._choices[choice.request] = choice
                if ask.fault is not None and ask.fault.name in (FaultName.STALL_MID_STREAM, FaultName.SILENT_PREFILL):
                    choice.request.stalls_after = ask.fault.after_tokens
                if fault is not None and fault.name is FaultName.SLOW_PREFILL:
                    choice.request.slow_steps = round(fault.seconds / SLOW_STEP_S)

    @property
    def usage(self) -> Usage:
        prompts = [choice.request for choice in self._choices.values() if choice.index % self.ask.choices == 0]
        return Usage(
            prompt_tokens=sum(len(request.prompt) for request in prompts),
            completion_tokens=self._completion_tokens,
            cached_tokens=sum(request.cached_tokens for request in prompts),
        )

    def begin(self) -> None:
        """Hands the ask to the engine. Raises EngineDead."""
        for request in self._choices:
            self._loop.submit(request, self._arrived.put_nowait)

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        """Raises EngineDead when the engine dies under it."""
        unfinished = len(self._choices)
        try:
            while unfinished:
                token = await self._arrived.get()
                if isinstance(token, EngineDead):
                    raise token
                delta = self._delta(self._choices[token.request], token)
                if delta is None:  # came after its stop string
                    continue
                if delta.finish_reason:
                    unfinished -= 1
                yield delta
                self._befall(token)
        finally:
            self.leave()

    def leave(self) -> None:
        """Nobody waits for the answer any more: what still runs is aborted."""
        for request in self._choices:
            self._loop.abort(request)

    def _delta(self, choice: _Choice, token: Token) -> Delta | None:
        if choice.stops.hit is not None:
            return None
        self._completion_tokens += 1
        said = choice.token(token.position, self.fault)
        text = choice.stops.feed(tokens.token_bytes(said).decode())
        if choice.stops.hit is not None:
            self._loop.end(choice.request)
            finish: str | None = "stop"
        else:
            finish = token.request.finish_reason if token.is_last else None
            text += choice.stops.rest() if finish else ""
        count = self.ask.logprobs
        alternatives = () if count is None else choice.alternatives(token.position, count, self.fault)
        return Delta(choice.index, said, text, finish, choice.stops.hit, alternatives)

    def _befall(self, token: Token) -> None:
        """What befalls the whole engine after this token."""
        if self.fault is None or token.position + 1 < self.fault.after_tokens:
            return
        match self.fault.name:
            case FaultName.DEVICE_LOST:
                self._loop.die(DEVICE_LOST)
            case FaultName.CRASH:
                self._loop.die(CRASH, exit_code=1)
            case FaultName.WEDGE:
                self._loop.engine.wedge(as_idle=self.fault.how == "zero")
