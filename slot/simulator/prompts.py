"""From what a client writes to the tokens that the engine computes: prompts, chats and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slot.simulator import tokens
from slot.simulator.refusals import Refusal, bad_parameter, invalid

ROLE_TOKENS = 4  # what a chat template puts around each message


@dataclass(frozen=True)
class Served:
    """What the asks are checked against."""

    names: tuple[str, ...]
    max_model_len: int
    image_limit: int = 0
    auto_tool_choice: bool = False


def conversation(messages: Sequence[Any], served: Served) -> list[int]:
    """The tokens of a chat, as if a template had written it. Raises Refusal for a picture too many."""
    prompt: list[int] = []
    images = 0
    for message in messages:
        if not isinstance(message, dict):
            raise invalid(
                "{'type': 'dict_type', 'loc': 'body.messages', 'msg': 'Input should be a valid dictionary'}", "body"
            )
        prompt += tokens.encode(f"<|{message.get('role', 'user')}|>")[:ROLE_TOKENS]
        for part in _parts(message.get("content")):
            if isinstance(part, str):
                prompt += tokens.encode(part)
            else:
                images += 1
                prompt += tokens.image_tokens(str(part))
    if images and not served.image_limit:
        raise Refusal(400, f"{served.names[0]} is not a multimodal model")
    if images > served.image_limit:
        raise Refusal(400, f"At most {served.image_limit} image(s) may be provided in one prompt.")
    return prompt


def _parts(content: Any) -> list[Any]:
    """The texts of a message's content, and for each picture a dict that tells it from others."""
    if not isinstance(content, list):
        return [] if content is None else [str(content)]
    parts: list[Any] = []
    for part in content:
        if isinstance(part, dict) and part.get("type") in ("image_url", "input_image", "image"):
            parts.append(part)
        elif isinstance(part, dict):
            parts.append(str(part.get("text") or ""))
        else:
            parts.append(str(part))
    return parts


def of_completion(prompt: Any) -> tuple[Sequence[int], ...]:
    if prompt is None or prompt == "":
        raise bad_parameter("Either prompt or prompt_embeds must be provided and non-empty.", "prompt")
    if not prompt:
        raise Refusal(400, "You must pass at least one prompt")
    if isinstance(prompt, str):
        return (tokens.encode(prompt),)
    if all(isinstance(part, int) for part in prompt):
        return (prompt,)
    return tuple(part if isinstance(part, list) else tokens.encode(str(part)) for part in prompt)
