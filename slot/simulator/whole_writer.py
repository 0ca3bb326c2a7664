"""Writes one answer in one piece, with what `deeds` says befalls it."""

from __future__ import annotations

from contextlib import aclosing, suppress
from dataclasses import replace

from aiohttp import web

from slot.simulator import sse
from slot.simulator.deeds import DEATHS, Deed
from slot.simulator.engine_loop import EngineDead
from slot.simulator.generation import Generation
from slot.simulator.refusals import Refusal
from slot.simulator.shapes import Choice, has_nan
from slot.simulator.writer import ERROR_AS_TEXT, ERROR_WITHOUT_OBJECT, Cut, Writer


class WholeWriter(Writer):
    """An answer in one piece."""

    async def _answer(self, generation: Generation) -> web.StreamResponse:
        choices: dict[int, Choice] = {}
        what = Deed.NOTHING
        async with aclosing(generation.deltas()) as deltas:
            async for delta in deltas:
                what = self._deed() if what is Deed.NOTHING else what
                if what is Deed.ABORT:
                    delta = replace(delta, finish_reason="abort")
                choices.setdefault(delta.choice, Choice(delta.choice)).deltas.append(delta)
                self._sent += 1
                if what in (*DEATHS, Deed.ABORT):
                    break
        gathered = [choices[index] for index in sorted(choices)]
        if not self._literal_nan and has_nan(gathered):
            raise Refusal(400, "Out of range float values are not JSON compliant: nan")
        return await self._send(what, self._encode(self._shape.whole(gathered, generation.usage)))

    async def _send(self, what: Deed, body: bytes) -> web.StreamResponse:
        match what:
            case Deed.CUT | Deed.RESET | Deed.KILL_PROCESS:  # DEATHS
                return await self._truncated(what, body)
            case Deed.ERROR_FRAME:
                raise EngineDead()
            case Deed.ERROR_EVENT:
                return _json(ERROR_WITHOUT_OBJECT, 500)
            case Deed.ERROR_STRING:
                return _json(ERROR_AS_TEXT)
            case Deed.HALF_FRAME | Deed.BROKEN_JSON:
                body = sse.half(body)
            case Deed.EMPTY_DATA:
                body = b""
            case Deed.PAUSE:
                await self._pause()
        return _json(body)

    async def _truncated(self, what: Deed, body: bytes) -> web.StreamResponse:
        """Half of a body whose whole length the head promises."""
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
        await response.prepare(self._request)
        await response.write(sse.half(body))
        with suppress(Cut):
            self._cut(what)
        return response


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")
