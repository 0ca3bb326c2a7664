"""How vLLM 0.32 writes an answer of Anthropic's `/v1/messages`: recorded from it, event by event."""

from __future__ import annotations

from collections.abc import Sequence

from slot.simulator.generation import Delta, Usage
from slot.simulator.shapes import Choice, Event, Header, Payload

_STOP_REASONS = {"length": "max_tokens", "stop": "end_turn"}  # it has no word for "abort", and says null


class MessageShape:
    """One message with one text block. The last event is `message_stop`; there is no `[DONE]`."""

    terminator = b""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._finish: Delta | None = None

    def opening(self, usage: Usage) -> list[Event]:
        counts = {"input_tokens": usage.prompt_tokens, "output_tokens": 0}
        message = self._message([], None) | {"stop_sequence": None, "usage": counts}
        block = {"type": "text", "text": ""}
        return [
            _event("message_start", message=message),
            _event("content_block_start", content_block=block, index=0),
        ]

    def delta(self, delta: Delta, usage: Usage) -> list[Event]:
        if delta.finish_reason:
            self._finish = delta
        if not delta.text:
            return []
        return [_event("content_block_delta", delta={"type": "text_delta", "text": delta.text}, index=0)]

    def closing(self, usage: Usage) -> list[Event]:
        reason = {"stop_reason": _stop_reason(self._finish), "stop_sequence": _stop_sequence(self._finish)}
        return [
            _event("content_block_stop", index=0),
            _event("message_delta", delta=reason, usage=_counts(usage)),
            _event("message_stop"),
        ]

    def whole(self, choices: Sequence[Choice], usage: Usage) -> Payload:
        (choice,) = choices
        message = self._message([{"type": "text", "text": choice.text}], choice.last)
        if choice.last.stop_reason is not None:
            message["stop_sequence"] = choice.last.stop_reason
        return message | {"usage": _counts(usage)}

    def engine_died(self, message: str) -> list[Event] | None:
        return [("error", anthropic_error(message, "internal_error"))]

    def _message(self, content: list[Payload], finish: Delta | None) -> Payload:
        return {
            "id": self._header.id,
            "type": "message",
            "role": "assistant",
            "content": content,
            "model": self._header.model,
            "stop_reason": _stop_reason(finish),
        }


def anthropic_error(message: str, type_: str) -> Payload:
    return {"type": "error", "error": {"type": type_, "message": message}}


def _event(name: str, **data: object) -> Event:
    return name, {"type": name, **data}


def _counts(usage: Usage) -> Payload:
    return {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
    }


def _stop_reason(finish: Delta | None) -> str | None:
    if finish is None or finish.finish_reason is None:
        return None
    return "stop_sequence" if finish.stop_reason is not None else _STOP_REASONS.get(finish.finish_reason)


def _stop_sequence(finish: Delta | None) -> str | None:
    return None if finish is None else finish.stop_reason
