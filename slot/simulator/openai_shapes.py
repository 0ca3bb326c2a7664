"""How vLLM 0.32 writes an answer of `/v1/completions` and `/v1/chat/completions`: recorded from it, key by key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slot.simulator import sse
from slot.simulator.asks import Ask
from slot.simulator.generation import Delta, Usage
from slot.simulator.shapes import SERVER_ERROR, Choice, Event, Header, Payload, openai_error, openai_usage, token_text


class _OpenAiShape:
    """What chats and completions have in common."""

    terminator = sse.DONE
    chat = False

    def __init__(self, header: Header, ask: Ask, *, choices: int) -> None:
        self._header = header
        self._ask = ask
        self._open_choices = choices

    def closing(self, usage: Usage) -> list[Event]:
        """The chunk without choices that carries the usage, if it was asked for."""
        if not self._ask.include_usage:
            return []
        counts = openai_usage(usage, details=self._header.details, chat=self.chat, whole=False)
        return [(None, self._chunk([]) | {"usage": counts} | self._fingerprint)]

    def engine_died(self, message: str) -> list[Event] | None:
        return [(None, openai_error(message, SERVER_ERROR, 500))]

    @property
    def _fingerprint(self) -> Payload:
        return {"system_fingerprint": self._header.fingerprint}

    def _chunk(self, choices: list[Payload]) -> Payload:
        header = self._header
        kind = "chat.completion.chunk" if self.chat else "text_completion"
        return {
            "id": header.id,
            "object": kind,
            "created": header.created,
            "model": header.model,
            "choices": choices,
        }

    def _with_extras(self, chunk: Payload, delta: Delta, usage: Usage) -> list[Event]:
        if self._ask.continuous_usage:
            chunk["usage"] = openai_usage(usage, details=False, chat=self.chat, whole=False) | {
                "completion_tokens_details": None
            }
        if delta.finish_reason:
            self._open_choices -= 1
            # the usage chunk, where there is one, is the last and carries it instead
            if not self._open_choices and not self._ask.include_usage:
                chunk |= self._fingerprint
        return [(None, chunk)]

    def _answer(self, kind: str, choices: list[Payload], usage: Usage) -> Payload:
        header = self._header
        return {
            "id": header.id,
            "object": kind,
            "created": header.created,
            "model": header.model,
            "choices": choices,
            "service_tier": None,
            "system_fingerprint": header.fingerprint,
            "usage": openai_usage(usage, details=header.details, chat=self.chat, whole=True),
        }


class CompletionShape(_OpenAiShape):
    """`/v1/completions`. `prompts`: their texts, for `echo`."""

    def __init__(self, header: Header, ask: Ask, *, prompts: Sequence[str]) -> None:
        super().__init__(header, ask, choices=len(prompts) * ask.choices)
        self._prompts = prompts
        self._begun: dict[int, int] = {}  # choice -> characters sent, for text_offset

    def opening(self, usage: Usage) -> list[Event]:
        return []

    def delta(self, delta: Delta, usage: Usage) -> list[Event]:
        is_first = delta.choice not in self._begun
        offset = self._begun.get(delta.choice, 0)
        self._begun[delta.choice] = offset + len(delta.text)
        choice = {
            "index": delta.choice,
            "text": (self._echo(delta.choice) if is_first else "") + delta.text,
            "logprobs": self._logprobs([delta], offset),
            "finish_reason": delta.finish_reason,
            "stop_reason": delta.stop_reason,
            "prompt_token_ids": list(self._prompt(delta.choice)) if is_first and self._ask.token_ids else None,
            "token_ids": [delta.token] if self._ask.token_ids else None,
        }
        return self._with_extras(self._chunk([choice]), delta, usage)

    def whole(self, choices: Sequence[Choice], usage: Usage) -> Payload:
        written = [self._whole_choice(choice) for choice in choices]
        extras = {"kv_transfer_params": None, "ec_transfer_params": None, "metrics": None}
        return self._answer("text_completion", written, usage) | extras

    def _whole_choice(self, choice: Choice) -> Payload:
        return {
            "index": choice.index,
            "text": self._echo(choice.index) + choice.text,
            "logprobs": self._logprobs(choice.deltas, 0),
            "finish_reason": choice.last.finish_reason,
            "stop_reason": choice.last.stop_reason,
            "token_ids": choice.token_ids if self._ask.token_ids else None,
            "prompt_logprobs": None,
            "prompt_token_ids": list(self._prompt(choice.index)) if self._ask.token_ids else None,
            "routed_experts": None,
        }

    def _prompt(self, choice: int) -> Sequence[int]:
        return self._ask.prompts[choice // self._ask.choices]

    def _echo(self, choice: int) -> str:
        return self._prompts[choice // self._ask.choices] if self._ask.echo else ""

    def _logprobs(self, deltas: Sequence[Delta], offset: int) -> Payload | None:
        if self._ask.logprobs is None:
            return None
        offsets = []
        for delta in deltas:
            offsets.append(offset)
            offset += len(delta.text)
        return {
            "text_offset": offsets,
            "token_logprobs": [delta.alternatives[0][1] for delta in deltas],
            "tokens": [token_text(delta.token) for delta in deltas],
            "top_logprobs": [{token_text(token): number for token, number in d.alternatives} for d in deltas],
        }


class ChatShape(_OpenAiShape):
    """`/v1/chat/completions`."""

    chat = True

    def opening(self, usage: Usage) -> list[Event]:
        return [(None, self._opening_chunk(index, usage)) for index in range(self._open_choices)]

    def delta(self, delta: Delta, usage: Usage) -> list[Event]:
        choice: Payload = {
            "index": delta.choice,
            "delta": {"content": delta.text} if delta.text else {},
            "logprobs": self._logprobs([delta]),
            "finish_reason": delta.finish_reason,
        }
        if delta.finish_reason:
            choice["stop_reason"] = delta.stop_reason
        choice["token_ids"] = [delta.token] if self._ask.token_ids else None
        return self._with_extras(self._chunk([choice]), delta, usage)

    def whole(self, choices: Sequence[Choice], usage: Usage) -> Payload:
        prompt_ids = list(self._ask.prompts[0]) if self._ask.token_ids else None
        return self._answer("chat.completion", [self._whole_choice(choice) for choice in choices], usage) | {
            "prompt_logprobs": None,
            "prompt_token_ids": prompt_ids,
            "prompt_text": None,
            "kv_transfer_params": None,
            "ec_transfer_params": None,
            "metrics": None,
        }

    def _opening_chunk(self, index: int, usage: Usage) -> Payload:
        choice = {
            "index": index,
            "delta": {"role": "assistant", "content": ""},
            "logprobs": None,
            "finish_reason": None,
        }
        chunk = self._chunk([choice])
        if self._ask.continuous_usage:
            counts = openai_usage(usage, details=False, chat=True, whole=False)
            chunk["usage"] = counts | {"completion_tokens_details": None}
        prompt_ids = list(self._ask.prompts[0]) if self._ask.token_ids else None
        return chunk | {"prompt_token_ids": prompt_ids, "prompt_text": None}

    def _whole_choice(self, choice: Choice) -> Payload:
        message = {
            "role": "assistant",
            "content": choice.text,
            "refusal": None,
            "annotations": None,
            "audio": None,
            "function_call": None,
            "reasoning": None,
        }
        return {
            "index": choice.index,
            "message": message,
            "logprobs": self._logprobs(choice.deltas),
            "finish_reason": choice.last.finish_reason,
            "stop_reason": choice.last.stop_reason,
            "token_ids": choice.token_ids if self._ask.token_ids else None,
            "routed_experts": None,
        }

    def _logprobs(self, deltas: Sequence[Delta]) -> Payload | None:
        if self._ask.logprobs is None:
            return None
        return {"content": [self._token_logprobs(delta) for delta in deltas]}

    def _token_logprobs(self, delta: Delta) -> Payload:
        listed = delta.alternatives[: self._ask.logprobs]
        return _logprob(*delta.alternatives[0]) | {"top_logprobs": [_logprob(*pair) for pair in listed]}


def _logprob(token: int, number: float) -> dict[str, Any]:
    text = token_text(token)
    return {"token": text, "logprob": number, "bytes": list(text.encode())}
