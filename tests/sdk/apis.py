"""The ways in which an application asks for text: each API's method in the SDK, and where its answers have the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MODEL = "tiny"
ALIAS = "active"  # the frontdoor's own name for whichever model is loaded
CONTEXT = 2048
Dump = dict[str, Any]


@dataclass(frozen=True)
class Api:
    """One API. `root`: what a client's base URL ends in; `limit`: its name for the output limit.

    `text` of one answer or event; `finish`: why the whole ended, None for an event that does not tell.
    """

    name: str
    root: str
    path: str
    method: str
    prompt: Callable[[str], Mapping[str, object]]
    limit: str
    text: Callable[[Dump], str]
    finish: Callable[[Dump], str | None]

    def arguments(self, prompt: str = "Hello", *, tokens: int = 8, stream: bool = False, **body: object) -> Dump:
        """Keyword arguments for the SDK; whatever it has no name for goes along as `extra_body`."""
        limits: Dump = {self.limit: tokens} if self.limit else {}
        common = {"model": MODEL, "stream": stream, "extra_body": {"ignore_eos": True, "temperature": 0} | body}
        return {**self.prompt(prompt), **limits, **common}

    def body(self, prompt: str = "Hello", *, tokens: int = 8, stream: bool = False, **more: object) -> Dump:
        """The same as the JSON that the SDK makes of it."""
        arguments = self.arguments(prompt, tokens=tokens, stream=stream, **more)
        return {**arguments.pop("extra_body"), **arguments}

    def texts(self, answers: Iterable[Dump]) -> list[str]:
        """The pieces of text in the order in which they came; a whole answer is one piece."""
        return [text for answer in answers if (text := self.text(answer))]

    def finishes(self, answers: Iterable[Dump]) -> list[str]:
        return [reason for answer in answers if (reason := self.finish(answer))]

    def __str__(self) -> str:
        return self.name


def _conversation(prompt: str) -> Mapping[str, object]:
    return {"messages": [{"role": "user", "content": prompt}]}


def _chat_text(answer: Dump) -> str:
    return "".join((choice.get("message") or choice["delta"])["content"] or "" for choice in answer["choices"] or ())


def _completion_text(answer: Dump) -> str:
    return "".join(choice["text"] for choice in answer["choices"] or ())


def _choice_finish(answer: Dump) -> str | None:
    return next((choice["finish_reason"] for choice in answer["choices"] or () if choice["finish_reason"]), None)


def _response_text(answer: Dump) -> str:
    if answer.get("object") == "response":
        return "".join(part["text"] for item in answer["output"] for part in item["content"])
    return str(answer["delta"]) if answer["type"] == "response.output_text.delta" else ""


def _response_finish(answer: Dump) -> str | None:
    response = answer if answer.get("object") == "response" else answer.get("response", {})
    return None if response.get("status") in (None, "in_progress") else response["status"]


def _message_text(answer: Dump) -> str:
    if answer["type"] == "message":
        return "".join(part["text"] for part in answer["content"])
    return str(answer["delta"]["text"]) if answer["type"] == "content_block_delta" else ""


def _message_finish(answer: Dump) -> str | None:
    told = answer["delta"] if answer["type"] == "message_delta" else answer
    return told.get("stop_reason")


CHAT = Api(
    *("chat", "/v1", "/v1/chat/completions", "chat.completions.create"),
    *(_conversation, "max_tokens", _chat_text, _choice_finish),
)
COMPLETION = Api(
    *("completion", "/v1", "/v1/completions", "completions.create"),
    *(lambda prompt: {"prompt": prompt}, "max_tokens", _completion_text, _choice_finish),
)
RESPONSE = Api(
    *("response", "/v1", "/v1/responses", "responses.create"),
    *(lambda prompt: {"input": prompt}, "max_output_tokens", _response_text, _response_finish),
)
MESSAGE = Api(
    *("message", "", "/v1/messages", "messages.create"),
    *(_conversation, "max_tokens", _message_text, _message_finish),
)
