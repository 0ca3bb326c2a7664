"""How vLLM 0.32 writes an answer of OpenAI's `/v1/responses`: recorded from it, event by event."""

from __future__ import annotations

from collections.abc import Sequence

from slot.simulator.asks import Ask
from slot.simulator.generation import Delta, Usage
from slot.simulator.shapes import Choice, Event, Header, Payload


class ResponseShape:
    """One response with one message. Events are numbered; the last is `response.completed`, there is no `[DONE]`."""

    terminator = b""

    def __init__(self, header: Header, ask: Ask, *, message_id: str) -> None:
        self._header = header
        self._ask = ask
        self._message_id = message_id
        self._choice = Choice(0)
        self._number = 0

    def opening(self, usage: Usage) -> list[Event]:
        begun = self._response("in_progress", [], None)
        part = {"annotations": [], "text": "", "type": "output_text", "logprobs": []}
        return [
            self._event("created", response=begun),
            self._event("in_progress", response=begun),
            self._event("output_item.added", item=self._item("in_progress", []), output_index=0),
            self._event("content_part.added", part=part, **self._place),
        ]

    def delta(self, delta: Delta, usage: Usage) -> list[Event]:
        self._choice.deltas.append(delta)
        if not delta.text:
            return []
        return [self._event("output_text.delta", delta=delta.text, logprobs=[], **self._place)]

    def closing(self, usage: Usage) -> list[Event]:
        part = self._part(self._choice.text)
        item = self._item("completed", [part])
        done = self._finished(item, self._choice, usage)
        return [
            self._event("output_text.done", logprobs=[], text=self._choice.text, **self._place),
            self._event("content_part.done", part=part, **self._place),
            self._event("output_item.done", item=item, output_index=0),
            self._event("completed", response=done),
        ]

    def whole(self, choices: Sequence[Choice], usage: Usage) -> Payload:
        (choice,) = choices
        return self._finished(self._item("completed", [self._part(choice.text)]), choice, usage)

    def engine_died(self, message: str) -> list[Event] | None:
        return None

    @property
    def _place(self) -> dict[str, object]:
        return {"content_index": 0, "item_id": self._message_id, "output_index": 0}

    def _event(self, name: str, **data: object) -> Event:
        number, self._number = self._number, self._number + 1
        name = f"response.{name}"
        return name, dict(sorted({**data, "sequence_number": number, "type": name}.items()))

    def _part(self, text: str) -> Payload:
        return {"annotations": [], "text": text, "type": "output_text", "logprobs": None}

    def _item(self, status: str, content: list[Payload]) -> Payload:
        return {
            "id": self._message_id,
            "content": content,
            "role": "assistant",
            "status": status,
            "type": "message",
            "phase": None,
        }

    def _finished(self, item: Payload, choice: Choice, usage: Usage) -> Payload:
        is_cut = choice.last.finish_reason == "length"
        done = self._response("incomplete" if is_cut else "completed", [item], _counts(usage))
        return done | ({"incomplete_details": {"reason": "max_output_tokens"}} if is_cut else {})

    def _response(self, status: str, output: list[Payload], usage: Payload | None) -> Payload:
        body = self._ask.body
        return {
            "id": self._header.id,
            "created_at": self._header.created,
            "incomplete_details": None,
            "instructions": body.get("instructions"),
            "metadata": body.get("metadata"),
            "model": self._header.model,
            "object": "response",
            "output": output,
            "parallel_tool_calls": True,
            "temperature": float(body.get("temperature") or 0.0) if "temperature" in body else 1.0,
            "tool_choice": body.get("tool_choice", "none"),
            "tools": [],
            "top_p": float(body.get("top_p") or 1.0),
            "background": False,
            "max_output_tokens": self._ask.max_tokens,
            "max_tool_calls": None,
            "previous_response_id": None,
            "prompt": None,
            "reasoning": None,
            "service_tier": "auto",
            "status": status,
            "text": None,
            "top_logprobs": None,
            "truncation": "disabled",
            "usage": usage,
            "user": None,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "kv_transfer_params": None,
            "ec_transfer_params": None,
            "input_messages": None,
            "output_messages": None,
        }


def _counts(usage: Usage) -> Payload:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": 0,
            "input_tokens_per_turn": [],
            "cached_tokens_per_turn": [],
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {
            "reasoning_tokens": 0,
            "tool_output_tokens": 0,
            "output_tokens_per_turn": [],
            "tool_output_tokens_per_turn": [],
        },
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
