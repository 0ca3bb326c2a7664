"""Writes one answer out: what a whole one and a stream have in common, and the faults that leave no answer at all."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import NoReturn

from aiohttp import web

from slot.simulator import deeds, sse
from slot.simulator.deeds import Deed
from slot.simulator.faults import Fault
from slot.simulator.generation import Generation
from slot.simulator.shapes import Shape

# What a failure says in the forms that are not vLLM's
ERROR_WITHOUT_OBJECT = b'{"message":"engine failure"}'
ERROR_AS_TEXT = b'{"error":"engine failure"}'

_HTML = "<html>\n<head><title>502 Bad Gateway</title></head>\n<body><h1>502 Bad Gateway</h1></body>\n</html>\n"


class Cut(Exception):
    """The connection was cut on purpose: there is nobody left to write to."""


class Writer(ABC):
    """One answer on its way out. `of_request`: the fault is this request's alone, not the whole engine's."""

    def __init__(self, request: web.Request, shape: Shape, fault: Fault | None, *, of_request: bool) -> None:
        self._request = request
        self._shape = shape
        self._fault = fault
        self._literal_nan = fault is not None and fault.is_literal_nan
        self._of_request = of_request
        self._sent = 0

    async def write(self, generation: Generation) -> web.StreamResponse:
        """Raises Refusal and EngineDead while nothing is sent."""
        what = deeds.before_head(self._fault)
        match what:
            case Deed.NOTHING:
                return await self._answer(generation)
            case Deed.SILENCE:
                await asyncio.Event().wait()
            case Deed.CUT | Deed.RESET:
                with suppress(Cut):
                    self._cut(what)
        # after a cut nobody gets to see this one
        return web.Response(status=502, text=_HTML, content_type="text/html")

    @abstractmethod
    async def _answer(self, generation: Generation) -> web.StreamResponse: ...

    def _deed(self) -> Deed:
        return deeds.deed(self._fault, self._sent, of_request=self._of_request)

    async def _pause(self) -> None:
        assert self._fault is not None
        await asyncio.sleep(self._fault.seconds)

    def _encode(self, payload: object) -> bytes:
        return sse.encode(payload, literal_nan=self._literal_nan)

    def _cut(self, what: Deed) -> NoReturn:
        if what is Deed.KILL_PROCESS:
            os.kill(os.getpid(), signal.SIGKILL)
        transport = self._request.transport
        if transport is not None:
            if what is Deed.RESET:
                _reset_on_close(transport.get_extra_info("socket"))
            # everything that was written so far still goes out; the body stays without its end
            transport.close()
        raise Cut


def _reset_on_close(connection: socket.socket) -> None:
    """socket(7), SO_LINGER with a time of 0: close() sends RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
