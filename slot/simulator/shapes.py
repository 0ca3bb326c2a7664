"""What every API's way of writing an answer has in common: see `Shape`. Pure: the numbers come in, dicts go out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from slot.simulator import tokens
from slot.simulator.generation import Delta, Usage

SERVER_ERROR = "InternalServerError"

Payload = dict[str, Any]
Event = tuple[str | None, Payload]  # the event's name, where the API names its events, and its data


@dataclass(frozen=True)
class Header:
    """What all parts of one answer repeat. `created`: seconds since the epoch; `details`: show cached tokens."""

    id: str
    created: int
    model: str
    fingerprint: str
    details: bool = False


@dataclass
class Choice:
    """One whole answer, gathered from its deltas."""

    index: int
    deltas: list[Delta] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas)

    @property
    def last(self) -> Delta:
        return self.deltas[-1]

    @property
    def token_ids(self) -> list[int]:
        return [delta.token for delta in self.deltas]


class Shape(Protocol):
    """How one API writes an answer: whole, or as a stream of events that ends with `terminator`.

    `engine_died` are the last events of a stream whose engine dies; None where vLLM just breaks the connection off.
    """

    terminator: bytes

    def opening(self, usage: Usage) -> list[Event]: ...

    def delta(self, delta: Delta, usage: Usage) -> list[Event]: ...

    def closing(self, usage: Usage) -> list[Event]: ...

    def whole(self, choices: Sequence[Choice], usage: Usage) -> Payload: ...

    def engine_died(self, message: str) -> list[Event] | None: ...


def openai_error(message: str, type_: str, status: int, param: str | None = None) -> Payload:
    return {"error": {"message": message, "type": type_, "param": param, "code": status}}


def openai_usage(usage: Usage, *, details: bool, chat: bool, whole: bool) -> Payload:
    """`details`: --enable-prompt-tokens-details. Chat tells of created cache tokens, completions do not."""
    payload: Payload = {
        "prompt_tokens": usage.prompt_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "completion_tokens": usage.completion_tokens,
    }
    prompt_details: Payload = {"cached_tokens": usage.cached_tokens}
    if whole:
        prompt_details |= {"created_cache_tokens": 0 if chat else None, "multimodal_tokens": None}
        return payload | {
            "prompt_tokens_details": prompt_details if details else None,
            "completion_tokens_details": None,
        }
    if chat:
        prompt_details["created_cache_tokens"] = 0
    return payload | ({"prompt_tokens_details": prompt_details} if details else {})


def token_text(token: int) -> str:
    return tokens.decode([token])


def has_nan(choices: Sequence[Choice]) -> bool:
    numbers = (number for choice in choices for delta in choice.deltas for _, number in delta.alternatives)
    return any(number != number for number in numbers)
