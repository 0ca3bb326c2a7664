"""Clients that never stop asking, and what became of each of their requests.

    with Load(machine) as load:
        ...                                  # whatever they shall not notice
    load.answers.assert_nobody_was_hurt()

Each request ends as one of these:

    ok        the whole answer, to its last byte
    refused   an honest 503: a Retry-After, and a JSON error that says what is the matter
    cut       the answer began, and its end never came; or an error came in place of the rest
    failed    anything else: refused or lost before a head, another status, a 503 that says nothing, silence

A client of the frontdoor may see the first two whatever happens behind it, and never the last two.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import aiohttp
from processes import until
from systemd.machine import Machine

DOOR = 8000
ANY_MODEL = "active"
_SILENCE_S = 60.0
# A client that was refused asks again, but is no flood: the machine has two cores for all of us.
_BREATH_S = 0.05
_FINISHED = ("stop", "length")


class Sort(StrEnum):
    OK = "ok"
    REFUSED = "refused"
    CUT = "cut"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """`model`: who answered. `words`: what was told, or went wrong. `status` 0: no head came."""

    sort: Sort
    status: int
    words: str = ""
    model: str = ""
    tokens: int = 0
    ended_at: float = field(default_factory=time.time)


@dataclass
class Answers:
    outcomes: list[Outcome] = field(default_factory=list)

    def count(self, sort: Sort) -> int:
        return sum(outcome.sort is sort for outcome in self.outcomes)

    def of(self, *sorts: Sort) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.sort in sorts]

    @property
    def models(self) -> list[str]:
        """Who answered, in order, each turn once: `[a, b, a]` after there and back."""
        names = [outcome.model for outcome in self.of(Sort.OK)]
        return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]

    def assert_nobody_was_hurt(self) -> None:
        """At least one request was answered, and each was answered whole or refused with a reason."""
        hurt = self.of(Sort.CUT, Sort.FAILED)
        assert not hurt, f"{self}; the first of them: {hurt[:3]}"
        assert self.count(Sort.OK), str(self)

    def __str__(self) -> str:
        return ", ".join(f"{number} {sort}" for sort, number in Counter(each.sort for each in self.outcomes).items())


async def ask(url: str, session: aiohttp.ClientSession, **body: Any) -> Outcome:
    """One chat. `body` is added to it. Raises nothing: whatever happens is an outcome."""
    words = {"model": ANY_MODEL, "messages": [{"role": "user", "content": "Say something."}], **body}
    status = 0
    try:
        async with session.post(f"{url}/v1/chat/completions", json=words) as answer:
            status = answer.status
            if status != 200:
                return _refusal(status, dict(answer.headers), await answer.text())
            return _streamed(await answer.text()) if body.get("stream") else _whole(await answer.json())
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
        return Outcome(Sort.CUT if status == 200 else Sort.FAILED, status, repr(exc))


def _refusal(status: int, headers: dict[str, str], text: str) -> Outcome:
    try:
        words = str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return Outcome(Sort.FAILED, status, f"no error to be read: {text[:200]}")
    is_honest = status == 503 and words and headers.get("Retry-After", "").isdigit()
    return Outcome(Sort.REFUSED if is_honest else Sort.FAILED, status, words)


def _whole(answer: Any) -> Outcome:
    if answer["choices"][0]["finish_reason"] not in _FINISHED:
        return Outcome(Sort.CUT, 200, f"finish_reason {answer['choices'][0]['finish_reason']}")
    return Outcome(Sort.OK, 200, model=answer["model"], tokens=answer["usage"]["completion_tokens"])


def _streamed(text: str) -> Outcome:
    """An answer that broke off in the middle of the transfer never comes here: aiohttp has raised."""
    frames = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    if not frames or frames[-1] != "[DONE]":
        return Outcome(Sort.CUT, 200, f"no [DONE]; the last frame was {frames[-1:]}")
    chunks = [json.loads(frame) for frame in frames[:-1]]
    errors = [chunk["error"] for chunk in chunks if "error" in chunk]
    ends = [choice["finish_reason"] for chunk in chunks for choice in chunk.get("choices", ()) if _ended(choice)]
    if errors or not ends or ends[-1] not in _FINISHED:
        return Outcome(Sort.CUT, 200, f"errors {errors}, finish_reasons {ends}")
    return Outcome(Sort.OK, 200, model=chunks[0]["model"], tokens=len(chunks))


def _ended(choice: dict[str, Any]) -> bool:
    return choice.get("finish_reason") is not None


def chat(machine: Machine, *, port: int = DOOR, **body: Any) -> Outcome:
    """One chat through the door, in the machine's network."""

    async def once() -> Outcome:
        async with _session() as session:
            return await ask(f"http://127.0.0.1:{port}", session, **{"max_tokens": 8, **body})

    return machine.in_network(lambda: asyncio.run(once()))


def _session() -> aiohttp.ClientSession:
    """A connection for each request: whether the door is open to a newcomer is what is asked."""
    timeout = aiohttp.ClientTimeout(total=None, sock_read=_SILENCE_S, sock_connect=_SILENCE_S)
    return aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(force_close=True))


class Load:
    """`streams` clients with long streams and one with short questions; each asks again when its answer has ended.

    They live in the machine's network and so die with it: stop them before a reboot.
    """

    def __init__(self, machine: Machine, *, streams: int = 2, tokens: int = 40, port: int = DOOR) -> None:
        self.answers = Answers()
        self._machine = machine
        self._url = f"http://127.0.0.1:{port}"
        self._bodies: list[dict[str, Any]] = [{"stream": True, "max_tokens": tokens} for _ in range(streams)]
        self._bodies.append({"max_tokens": 2})
        self._is_enough = threading.Event()
        self._broke: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load")

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Each client ends the request that it has begun."""
        self._is_enough.set()
        self._thread.join()
        if self._broke is not None:
            raise self._broke

    def until(self, sort: Sort, more: int = 1, patience_s: float = 30.0) -> None:
        """Until so many more requests have ended like this."""
        wanted = self.answers.count(sort) + more
        until(
            lambda: self.answers.count(sort) >= wanted or None,
            lambda: f"{more} {sort}; so far {self.answers}",
            patience_s,
        )

    def until_answered_by(self, model: str, patience_s: float = 30.0) -> None:
        until(lambda: model in self.answers.models or None, lambda: f"an answer of {model}: {self.answers}", patience_s)

    def _run(self) -> None:
        try:
            self._machine.in_network(lambda: asyncio.run(self._all()))
        except BaseException as exc:  # else it would be lost with the thread
            self._broke = exc

    async def _all(self) -> None:
        async with _session() as session, asyncio.TaskGroup() as clients:
            for body in self._bodies:
                clients.create_task(self._client(session, body))

    async def _client(self, session: aiohttp.ClientSession, body: dict[str, Any]) -> None:
        while not self._is_enough.is_set():
            outcome = await ask(self._url, session, **body)
            self.answers.outcomes.append(outcome)
            if outcome.sort is not Sort.OK or not body.get("stream"):
                await asyncio.sleep(_BREATH_S)
