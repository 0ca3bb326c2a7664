"""Writes one answer as a stream of events, with what `deeds` says befalls it."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

from aiohttp import web

from slot.simulator import sse
from slot.simulator.deeds import INTERJECTIONS, Deed
from slot.simulator.engine_loop import EngineDead
from slot.simulator.generation import Delta, Generation
from slot.simulator.shapes import Event
from slot.simulator.writer import ERROR_AS_TEXT, ERROR_WITHOUT_OBJECT, Cut, Writer


class StreamWriter(Writer):
    """An answer as events, one for each token."""

    async def _answer(self, generation: Generation) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": sse.CONTENT_TYPE})
        response.enable_chunked_encoding()
        try:
            await response.prepare(self._request)
            await self._events(response, generation)
        except (Cut, ConnectionError):  # or the client has left, and the write was quicker than the cancellation
            return response
        await response.write_eof()
        return response

    async def _events(self, response: web.StreamResponse, generation: Generation) -> None:
        shape = self._shape
        try:
            async with aclosing(generation.deltas()) as deltas:
                async for delta in deltas:
                    what = self._deed()
                    if what is Deed.PAUSE:
                        await self._pause()
                    if not self._sent:  # not earlier: a waiting request has headers and nothing else
                        await self._write(response, shape.opening(generation.usage))
                    if what in INTERJECTIONS:
                        await self._interject(response, what, delta, generation)
                    elif what is not Deed.NOTHING:
                        return await self._end(response, what, delta, generation)
                    await self._write(response, shape.delta(delta, generation.usage))
                    self._sent += 1
            await self._write(response, shape.closing(generation.usage))
        except EngineDead as exc:
            await self._fail(response, exc)
        await self._terminate(response)

    async def _fail(self, response: web.StreamResponse, death: EngineDead) -> None:
        events = self._shape.engine_died(str(death))
        if events is None:
            self._cut(Deed.CUT)
        await self._write(response, events)

    async def _interject(self, response: web.StreamResponse, what: Deed, delta: Delta, generation: Generation) -> None:
        if what is Deed.EMPTY_DATA:
            await response.write(sse.frame(b""))
        elif what is Deed.BROKEN_JSON:
            name, payload = self._shape.delta(delta, generation.usage)[0]
            await response.write(sse.frame(sse.half(self._encode(payload)), name))

    async def _end(self, response: web.StreamResponse, what: Deed, delta: Delta, generation: Generation) -> None:
        """Ends the stream as the fault wants it. Raises Cut where the connection is gone."""
        match what:
            case Deed.CUT | Deed.RESET | Deed.KILL_PROCESS:  # DEATHS
                self._cut(what)
            case Deed.HALF_FRAME:
                _, payload = self._shape.delta(delta, generation.usage)[0]
                return await response.write(sse.half(sse.frame(self._encode(payload))))
            case Deed.END:
                return None
            case Deed.ERROR_EVENT:
                await response.write(sse.frame(ERROR_WITHOUT_OBJECT, "error"))
            case Deed.ERROR_STRING:
                await response.write(sse.frame(ERROR_AS_TEXT))
            case Deed.ERROR_FRAME:
                await self._fail(response, EngineDead())
            case Deed.ABORT:
                aborted = self._shape.delta(replace(delta, text="", finish_reason="abort"), generation.usage)
                await self._write(response, [*aborted, *self._shape.closing(generation.usage)])
        await self._terminate(response)

    async def _write(self, response: web.StreamResponse, events: list[Event]) -> None:
        numbered = self._fault is not None and self._fault.how == "ids"
        for name, payload in events:
            await response.write(sse.frame(self._encode(payload), name, number=self._sent if numbered else None))

    async def _terminate(self, response: web.StreamResponse) -> None:
        if self._shape.terminator:
            await response.write(self._shape.terminator)
