"""The last question before a model counts as switched: one that only this model, in its right mind, answers rightly.

The profile has it (`MODEL_SLOT_CANARY`). Without one a token is enough, from the engine itself: the supervisor has had
one as well, but what a switch says it has seen. Asked at the engine's own port, where no client is in the way: that is
on loopback, whatever the slot's snapshot says. The slot's user writes the snapshot, and root asks.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from slot.address import on_loopback
from slot.profiles.keys import Canary
from slot.profiles.profile import Profile

TIMEOUT_S = 60.0
MOST_BYTES = 16 * 2**20
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
    place = on_loopback(url)
    if place is None:
        raise Wrong(f"the slot says that its engine is at {url!r}: expected http on loopback")
    host, port = place
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        with closing(connection), _whole_within(connection, TIMEOUT_S):
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read(MOST_BYTES)
        if answer.status != http.client.OK:
            raise Wrong(f"{path} answered {answer.status}: {text[:200].decode(errors='replace')}")
        said = json.loads(text)
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise Wrong(f"{path}: {exc}") from exc
    return said if isinstance(said, dict) else {}


@contextmanager
def _whole_within(connection: http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """A socket's own limit begins anew with each byte: an engine that drips would never be late.

    Raises TimeoutError, OSError.
    """
    connection.connect()
    line: socket.socket = connection.sock
    is_late = threading.Event()

    def cut() -> None:
        is_late.set()
        with suppress(OSError):  # it has just ended
            line.shutdown(socket.SHUT_RDWR)

    limit = threading.Timer(seconds, cut)
    limit.start()
    try:
        yield
    finally:
        limit.cancel()
        limit.join()
        if is_late.is_set():
            raise TimeoutError(f"no whole answer within {seconds:g} s")
