"""One look at an engine, over real sockets: which rung it stands on, and what is wrong with what it serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from slot.state import Readiness
from slot.supervisor.ladder import Ladder
from slot.supervisor.probe import Expected, Misfit, Probe, Sight

EXPECTED = Expected("tiny", 2048)
OK = web.json_response
TINY = {"data": [{"id": "tiny", "max_model_len": 2048}]}
TOKEN = {"choices": [{"text": "x"}]}
Answer = Callable[[], web.StreamResponse]


class Engine:
    """Answers each path as the test says; what it does not say is 404."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.silent: set[str] = set()
        self.is_over = asyncio.Event()
        self.asked: list[str] = []
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self.server = TestServer(app)

    def says(self, path: str, body: object = None, status: int = 200) -> Engine:
        self.answers[path] = lambda: web.Response(status=status) if body is None else OK(body, status=status)
        return self

    def keeps_silent(self, path: str) -> Engine:
        self.silent.add(path)
        return self

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path in self.silent:
            await self.is_over.wait()
        answer = self.answers.get(request.path)
        return answer() if answer else web.Response(status=404)

    @property
    def url(self) -> str:
        return str(self.server.make_url("")).rstrip("/")


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine()
    await engine.server.start_server()
    yield engine
    engine.is_over.set()
    await engine.server.close()


@pytest.fixture
async def look(engine: Engine) -> AsyncIterator[Callable[[Expected], Awaitable[Sight]]]:
    async with aiohttp.ClientSession() as session:
        yield lambda expected: Probe(session, engine.url, expected, token_timeout_s=0.2).look()


Look = Callable[[Expected], Awaitable[Sight]]


def models(*entries: dict[str, object]) -> dict[str, object]:
    return {"data": list(entries)}


@pytest.mark.parametrize(
    ("answers", "rung", "obstacle"),
    [
        ({}, Readiness.PROCESS, "/health answered 404 Not Found"),
        ({"/health": (None, 503)}, Readiness.PROCESS, "/health answered 503 Service Unavailable"),
        ({"/health": (None, 200)}, Readiness.HEALTH, "/v1/models answered 404 Not Found"),
        ({"/health": (None, 200), "/v1/models": (models(), 200)}, Readiness.HEALTH, "/v1/models lists no model"),
        ({"/health": (None, 200), "/v1/models": ([], 200)}, Readiness.HEALTH, "/v1/models lists no model"),
        (
            {"/health": (None, 200), "/v1/models": (TINY, 200), "/v1/completions": ({}, 500)},
            Readiness.MODELS,
            "/v1/completions answered 500 Internal Server Error",
        ),
        (
            {"/health": (None, 200), "/v1/models": (TINY, 200), "/v1/completions": ({"choices": []}, 200)},
            Readiness.MODELS,
            "/v1/completions answered without a choice",
        ),
        (
            {"/health": (None, 200), "/v1/models": (TINY, 200), "/v1/completions": (TOKEN, 200)},
            Readiness.GENERATED,
            None,
        ),
    ],
)
async def test_a_rung_implies_those_below_it(
    engine: Engine, look: Look, answers: dict[str, tuple[object, int]], rung: Readiness, obstacle: str | None
) -> None:
    for path, (body, status) in answers.items():
        engine.says(path, body, status)
    sight = await look(EXPECTED)
    assert (sight.rung, sight.obstacle) == (rung, obstacle)


async def test_nobody_there_is_a_process_and_no_more() -> None:
    async with aiohttp.ClientSession() as session:
        sight = await Probe(session, "http://127.0.0.1:1", EXPECTED, token_timeout_s=0.2).look()
    assert sight.rung is Readiness.PROCESS
    assert sight.obstacle


@pytest.mark.parametrize(
    ("served", "expected", "misfit"),
    [
        ({"id": "tiny", "max_model_len": 2048}, EXPECTED, None),
        ({"id": "tiny", "max_model_len": 2048}, Expected("tiny", None), None),
        ({"id": "tiny"}, EXPECTED, None),  # not every engine says
        ({"id": "tiny", "max_model_len": 2047}, EXPECTED, Misfit("SERVE_MAX_MODEL_LEN", "2047", "2048")),
        ({"id": "huge", "max_model_len": 2048}, EXPECTED, Misfit("SERVE_SERVED_MODEL_NAME", "huge", "tiny")),
    ],
)
async def test_another_model_is_a_misfit(
    engine: Engine, look: Look, served: dict[str, object], expected: Expected, misfit: Misfit | None
) -> None:
    engine.says("/health").says("/v1/models", models(served)).says("/v1/completions", TOKEN)
    sight = await look(expected)
    assert sight.misfit == misfit
    assert ("/v1/completions" in engine.asked) is (misfit is None)


async def test_the_name_may_stand_anywhere_in_the_list(engine: Engine, look: Look) -> None:
    engine.says("/health").says("/v1/models", models({"id": "lora"}, {"id": "tiny", "max_model_len": 2048}))
    engine.says("/v1/completions", TOKEN)
    assert await look(EXPECTED) == Sight(Readiness.GENERATED, 2048)


@pytest.mark.parametrize(
    ("answers", "rung", "asked"),
    [
        ({"/v1/embeddings": ({"data": [{}]}, 200)}, Readiness.GENERATED, ["/v1/embeddings"]),
        (
            {"/v1/embeddings": ({}, 400), "/v1/score": ({"data": [{}]}, 200)},
            Readiness.GENERATED,
            ["/v1/embeddings", "/v1/score"],
        ),
        ({"/v1/score": ({"data": [{}]}, 200)}, Readiness.GENERATED, ["/v1/embeddings", "/v1/score"]),
        ({"/v1/embeddings": ({}, 500)}, Readiness.MODELS, ["/v1/embeddings"]),
        ({"/v1/embeddings": ({"data": []}, 200)}, Readiness.MODELS, ["/v1/embeddings"]),
        ({}, Readiness.MODELS, ["/v1/embeddings", "/v1/score"]),
    ],
)
async def test_a_pooling_model_embeds_or_scores(
    engine: Engine, look: Look, answers: dict[str, tuple[object, int]], rung: Readiness, asked: list[str]
) -> None:
    engine.says("/health").says("/v1/models", TINY)
    for path, (body, status) in answers.items():
        engine.says(path, body, status)
    assert (await look(Expected("tiny", 2048, is_pooling=True))).rung is rung
    assert engine.asked == ["/health", "/v1/models", *asked]


async def test_a_token_that_does_not_come_is_not_waited_for_without_end(engine: Engine, look: Look) -> None:
    engine.says("/health").says("/v1/models", TINY).keeps_silent("/v1/completions")
    sight = await look(EXPECTED)
    assert (sight.rung, sight.obstacle) == (Readiness.MODELS, "no answer in time")


async def test_the_ladder_is_climbed_at_once_when_the_engine_says_that_it_listens(engine: Engine) -> None:
    sights: asyncio.Queue[Sight] = asyncio.Queue()
    ladder = Ladder(engine.url, EXPECTED, token_timeout_s=1.0, see=sights.put_nowait)
    ladder.start()
    ladder.start()  # told twice
    async with asyncio.timeout(5):
        assert (await sights.get()).rung is Readiness.PROCESS
        engine.says("/health").says("/v1/models", TINY).says("/v1/completions", TOKEN)
        asked = len(engine.asked)
        ladder.hurry()
        assert (await sights.get()).rung is Readiness.GENERATED
    assert engine.asked[asked:] == ["/health", "/v1/models", "/v1/completions"]
    await ladder.stop()


async def test_a_ladder_that_is_stopped_looks_no_more(engine: Engine) -> None:
    sights: asyncio.Queue[Sight] = asyncio.Queue()
    ladder = Ladder(engine.url, EXPECTED, token_timeout_s=1.0, see=sights.put_nowait)
    await ladder.stop()  # before it began
    ladder.start()
    async with asyncio.timeout(5):
        await sights.get()
    await ladder.stop()
    assert "readiness ladder" not in {task.get_name() for task in asyncio.all_tasks()}
