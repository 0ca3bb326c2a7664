"""The last question before a model counts as switched: one that only this model, in its right mind, answers rightly.

The profile has it (`MODEL_SLOT_CANARY`). Without one a token is enough, from the engine itself: the supervisor has had
one as well, but what a switch says it has seen. Asked at the engine's own port, where no client is in the way.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from slot.profiles.keys import Canary
from slot.profiles.profile import Profile

TIMEOUT_S = 60.0
_POOLING = (("/v1/embeddings", {"input": "1"}), ("/v1/score", {"text_1": "1", "text_2": "2"}))


class Wrong(Exception):
    """The engine gave no answer, or not the right one; the words say which."""


def ask(url: str, profile: Profile) -> None:
    """One answer of the engine at `url`, judged. Raises Wrong."""
    model = {"model": profile.served_model_name}
    if profile.runner == "pooling":
        _ask_pooling(url, model)
    elif profile.canary is None:
        answer = _post(url, "/v1/completions", {**model, "prompt": "1", "max_tokens": 1, "temperature": 0.0})
        if not answer.get("choices"):
            raise Wrong("the engine answered without a token")
    else:
        messages = [{"role": "user", "content": profile.canary.prompt}]
        asked = {**model, "messages": messages, "max_tokens": profile.canary.max_tokens, "temperature": 0.0}
        judge(_post(url, "/v1/chat/completions", asked), profile.canary)


def judge(answer: dict[str, Any], canary: Canary) -> None:
    """Raises Wrong for an answer that has not in it what the profile wants. Case matters not: models vary it."""
    try:
        message = answer["choices"][0]["message"]
        said = " ".join(filter(None, (message.get("reasoning_content"), message.get("content"))))
    except (KeyError, IndexError, TypeError, AttributeError):
        raise Wrong("the canary's answer holds no message") from None
    if canary.contains.casefold() not in said.casefold():
        raise Wrong(f"the canary was answered {said[:200]!r}, expected {canary.contains!r} in it")


def _ask_pooling(url: str, model: dict[str, str]) -> None:
    for number, (path, question) in enumerate(_POOLING, start=1):
        try:
            _post(url, path, {**model, **question})
            return
        except Wrong:
            if number == len(_POOLING):
                raise


def _post(url: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    # a proxy of the environment is for the world outside, never for loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            said = json.load(answer)
    except urllib.error.HTTPError as exc:
        with exc:
            raise Wrong(f"{path} answered {exc.code}: {exc.read(200).decode(errors='replace')}") from exc
    except (OSError, ValueError) as exc:
        raise Wrong(f"{path}: {exc}") from exc
    return said if isinstance(said, dict) else {}
