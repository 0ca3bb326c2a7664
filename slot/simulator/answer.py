"""Answers one ask: runs it on the engine and writes it whole or as a stream, in the shape of its API.

The faults that break a connection are carried out here. A client that leaves cancels the handler (the server is
started with `handler_cancellation`), and leaving the generation aborts it in the engine.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import NoReturn

from aiohttp import web

from slot.simulator import sse
from slot.simulator.asks import Ask
from slot.simulator.engine_loop import EngineDead
from slot.simulator.faults import Deed, Fault, FaultName, deed
from slot.simulator.generation import Delta, Generation
from slot.simulator.refusals import Refusal
from slot.simulator.serving import Serving
from slot.simulator.shapes import SERVER_ERROR, Choice, Event, Shape, has_nan


async def answer(request: web.Request, serving: Serving, ask: Ask, shape: Shape) -> web.StreamResponse:
    """Raises Refusal where there is no answer."""
    fault = ask.fault or serving.stream_fault
    # some logprob is needed for NaN to stand in
    literal_nan = fault is not None and fault.name is FaultName.NAN and fault.how == "literal"
    if literal_nan and ask.logprobs is None:
        ask = replace(ask, logprobs=0)
    generation = serving.generation(ask, fault)
    try:
        generation.begin()
        writer = _Writer(request, shape, fault, literal_nan=literal_nan, of_request=ask.fault is not None)
        return await (writer.stream(generation) if ask.stream else writer.whole(generation))
    except EngineDead as exc:
        raise Refusal(500, str(exc), SERVER_ERROR) from exc
    finally:
        generation.leave()


_DEATHS = (Deed.CUT, Deed.RESET, Deed.KILL_PROCESS)


class _Cut(Exception):
    """The connection was cut on purpose: there is nobody left to write to."""


class _Writer:
    """One answer on its way out."""

    def __init__(
        self, request: web.Request, shape: Shape, fault: Fault | None, *, literal_nan: bool, of_request: bool
    ) -> None:
        self._request = request
        self._shape = shape
        self._fault = fault
        self._literal_nan = literal_nan
        self._of_request = of_request
        self._sent = 0

    def _deed(self) -> Deed:
        return deed(self._fault, self._sent, of_request=self._of_request)

    async def stream(self, generation: Generation) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": sse.CONTENT_TYPE})
        response.enable_chunked_encoding()
        try:
            await response.prepare(self._request)
            await self._events(response, generation)
        except (_Cut, ConnectionError):  # or the client has left, and the write was quicker than the cancellation
            return response
        await response.write_eof()
        return response

    async def _events(self, response: web.StreamResponse, generation: Generation) -> None:
        shape = self._shape
        try:
            async with aclosing(generation.deltas()) as deltas:
                async for delta in deltas:
                    if not self._sent:  # not earlier: a waiting request has headers and nothing else
                        await self._write(response, shape.opening(generation.usage))
                    if self._deed() is not Deed.NOTHING:
                        return await self._do(response, self._deed(), delta, generation)
                    await self._write(response, shape.delta(delta, generation.usage))
                    self._sent += 1
            await self._write(response, shape.closing(generation.usage))
        except EngineDead as exc:
            events = shape.engine_died(str(exc))
            if events is None:
                self._cut(Deed.CUT)
            await self._write(response, events)
        if shape.terminator:
            await response.write(shape.terminator)

    async def _write(self, response: web.StreamResponse, events: list[Event]) -> None:
        for name, payload in events:
            await response.write(sse.frame(self._encode(payload), name))

    async def _do(self, response: web.StreamResponse, what: Deed, delta: Delta, generation: Generation) -> None:
        """Ends the stream as the fault wants it. Raises _Cut where the connection is gone."""
        match what:
            case Deed.CUT | Deed.RESET | Deed.KILL_PROCESS:  # _DEATHS
                self._cut(what)
            case Deed.HALF_FRAME:
                _, payload = self._shape.delta(delta, generation.usage)[0]
                await response.write(sse.half(sse.frame(self._encode(payload))))
            case Deed.ERROR_EVENT:
                await response.write(sse.frame(b'{"message":"engine failure"}', "error"))
            case Deed.ABORT:
                aborted = replace(delta, text="", finish_reason="abort")
                await self._write(response, self._shape.delta(aborted, generation.usage))
                await response.write(self._shape.terminator)
            case Deed.END | Deed.NOTHING:
                pass

    async def whole(self, generation: Generation) -> web.StreamResponse:
        choices: dict[int, Choice] = {}
        async with aclosing(generation.deltas()) as deltas:
            async for delta in deltas:
                what = self._deed()
                if what is Deed.ABORT:
                    delta = replace(delta, finish_reason="abort")
                choices.setdefault(delta.choice, Choice(delta.choice)).deltas.append(delta)
                self._sent += 1
                if what in (*_DEATHS, Deed.ABORT):
                    break
        gathered = [choices[index] for index in sorted(choices)]
        if not self._literal_nan and has_nan(gathered):
            raise Refusal(400, "Out of range float values are not JSON compliant: nan")
        body = self._encode(self._shape.whole(gathered, generation.usage))
        if self._deed() in _DEATHS:
            return await self._half_body(body)
        return web.Response(body=body, content_type="application/json")

    async def _half_body(self, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
        await response.prepare(self._request)
        await response.write(body[: len(body) // 2])
        with suppress(_Cut):
            self._cut(self._deed())
        return response

    def _encode(self, payload: object) -> bytes:
        return sse.encode(payload, literal_nan=self._literal_nan)

    def _cut(self, what: Deed) -> NoReturn:
        if what is Deed.KILL_PROCESS:
            os.kill(os.getpid(), signal.SIGKILL)
        transport = self._request.transport
        if transport is not None:
            if what is Deed.RESET:
                _reset_on_close(transport.get_extra_info("socket"))
            # everything that was written so far still goes out; the chunked body stays without its end
            transport.close()
        raise _Cut


def _reset_on_close(connection: socket.socket) -> None:
    """socket(7), SO_LINGER with a time of 0: close() sends RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
