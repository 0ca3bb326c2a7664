"""Is the engine ready? Asked from outside, as a client would, one rung of a ladder after the other.

    process     it runs (known from its keeper, not from here)
    health      GET /health answers 200
    models      GET /v1/models has the profile's name, with the profile's length
    generated   one token came out (with a pooling model: one embedding or one score)

The last rung is also asked for alone, of an engine that serves: `slot.pulse` does it.

`/health` alone says nothing about the weights that were loaded, and a model list nothing about the GPUs; a token says
both. A name or a length that differs from the profile's is no matter of patience: the wrong engine answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp

from slot.state import Readiness

_ANSWER_TIMEOUT_S = 10.0

# Asked in this order until one is answered: an embedding model does the first, a reranker only the second.
_POOLING_QUESTIONS = (
    ("/v1/embeddings", {"input": "1"}),
    ("/v1/score", {"text_1": "1", "text_2": "2"}),
)


@dataclass(frozen=True)
class Expected:
    """What the profile says that the engine serves. `max_model_len` is None where it is left to the model."""

    served_model_name: str
    max_model_len: int | None
    is_pooling: bool = False


@dataclass(frozen=True)
class Misfit:
    """What the engine serves instead, by the profile's key."""

    key: str
    found: str
    expected: str


@dataclass(frozen=True)
class Sight:
    """How far up the ladder the engine stands now. `obstacle` says why no higher, in words for people."""

    rung: Readiness
    max_model_len: int | None = None
    misfit: Misfit | None = None
    obstacle: str | None = None


class Probe:
    """Looks at one engine; keeps no state but its connection."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, expected: Expected, *, token_timeout_s: float | None
    ) -> None:
        """`token_timeout_s` bounds a token, for which something may have to be compiled. None: no bound."""
        self._session = session
        self._url = url
        self._expected = expected
        self._token_timeout = aiohttp.ClientTimeout(total=token_timeout_s)

    async def look(self) -> Sight:
        """One climb from the bottom. Never raises for what an engine can do wrong."""
        rung = Readiness.PROCESS
        length = None
        try:
            await self._get("/health")
            rung = Readiness.HEALTH
            served = await self._served()
            if isinstance(served, Misfit):
                return Sight(rung, misfit=served)
            rung, length = Readiness.MODELS, served
            await self.generate()
            return Sight(Readiness.GENERATED, length)
        except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
            return Sight(rung, length, obstacle=_in_words(exc))

    async def _served(self) -> int | None | Misfit:
        """The served length, None where the engine does not say."""
        models = _entries(await self._get("/v1/models"))
        name = self._expected.served_model_name
        ours = next((model for model in models if model.get("id") == name), None)
        if ours is None:
            return Misfit("SERVE_SERVED_MODEL_NAME", ", ".join(str(model.get("id")) for model in models), name)
        found, expected = ours.get("max_model_len"), self._expected.max_model_len
        if expected is not None and found is not None and found != expected:
            return Misfit("SERVE_MAX_MODEL_LEN", str(found), str(expected))
        return found if isinstance(found, int) else None

    async def generate(self) -> None:
        """Gets one token. Raises aiohttp.ClientError, TimeoutError, ValueError."""
        name = {"model": self._expected.served_model_name}
        if self._expected.is_pooling:
            await self._pool(name)
            return
        answer = await self._post("/v1/completions", name | {"prompt": "1", "max_tokens": 1, "temperature": 0.0})
        if not answer.get("choices"):
            raise ValueError("/v1/completions answered without a choice")

    async def _pool(self, name: dict[str, str]) -> None:
        for number, (path, question) in enumerate(_POOLING_QUESTIONS, start=1):
            try:
                if not (await self._post(path, name | question)).get("data"):
                    raise ValueError(f"{path} answered without data")
                return
            except aiohttp.ClientResponseError as exc:
                if exc.status not in (400, 404) or number == len(_POOLING_QUESTIONS):
                    raise

    async def _get(self, path: str) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=_ANSWER_TIMEOUT_S)
        async with self._session.get(self._url + path, timeout=timeout) as response:
            response.raise_for_status()
            return await _json_or_nothing(response)

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._session.post(self._url + path, json=body, timeout=self._token_timeout) as response:
            response.raise_for_status()
            return await _json_or_nothing(response)


async def _json_or_nothing(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """The body's object; `/health` has no body. Raises ValueError for what is not JSON."""
    text = await response.read()
    body = await response.json(content_type=None) if text else {}
    return body if isinstance(body, dict) else {}


def _entries(models: dict[str, Any]) -> list[dict[str, Any]]:
    entries = [entry for entry in models.get("data") or [] if isinstance(entry, dict)]
    if not entries:
        raise ValueError("/v1/models lists no model")
    return entries


def _in_words(exc: Exception) -> str:
    match exc:
        case aiohttp.ClientResponseError():
            return f"{exc.request_info.url.path} answered {exc.status} {exc.message}"
        case TimeoutError():
            return "no answer in time"
        case _:
            return str(exc) or type(exc).__name__
