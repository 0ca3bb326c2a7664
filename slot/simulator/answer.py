"""Answers one ask: runs it on the engine and has it written, whole or as a stream, in the shape of its API.

A client that leaves cancels the handler (the server is started with `handler_cancellation`), and leaving the generation
aborts it in the engine.
"""

from __future__ import annotations

from aiohttp import web

from slot.simulator.asks import Ask
from slot.simulator.engine_loop import EngineDead
from slot.simulator.refusals import Refusal
from slot.simulator.serving import Serving
from slot.simulator.shapes import SERVER_ERROR, Shape
from slot.simulator.stream_writer import StreamWriter
from slot.simulator.whole_writer import WholeWriter


async def answer(request: web.Request, serving: Serving, ask: Ask, shape: Shape) -> web.StreamResponse:
    """Raises Refusal where there is no answer."""
    fault = serving.fault_of(ask)
    generation = serving.generation(ask, fault)
    kind = StreamWriter if ask.stream else WholeWriter
    writer = kind(request, shape, fault, of_request=ask.fault is not None)
    try:
        generation.begin()
        return await writer.write(generation)
    except EngineDead as exc:
        raise Refusal(500, str(exc), SERVER_ERROR) from exc
    finally:
        generation.leave()
