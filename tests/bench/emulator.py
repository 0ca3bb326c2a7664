"""vLLM's OpenAI server as far as a proxy can tell, as a process: `python -m bench.emulator`.

It writes its port to stdout, and ends when its stdin does: nobody who starts it can leave it behind. It answers

    POST /v1/chat/completions       as the prompt wishes (`wire.Wish`), or 16 tokens at once
    GET /health, /v1/models         as vLLM does
    GET /bench/gone                 {"open": N, "arrived": [ID, ...], "gone": {ID: NANOSECONDS, ...}}, and forgets it

asyncio and uvloop round their timers to a millisecond, which would let several streams write at once. So events are
timed by a timerfd of the kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import heapq
import json
import os
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from time import monotonic_ns
from typing import cast

import uvloop

from bench import wire
from bench.wire import Wish

_MODELS = (
    b'{"object":"list","data":[{"id":"bench","object":"model","created":1795197227,"owned_by":"vllm","root":"bench",'
    b'"parent":null,"max_model_len":32768,"permission":[]}]}'
)
_PAGES = {
    b"/health": wire.answer(b"200 OK", b""),
    b"/v1/models": wire.answer(b"200 OK", _MODELS),
    b"/version": wire.answer(b"200 OK", b'{"version":"0.32.0"}'),
    b"/metrics": wire.answer(b"200 OK", b"", b"text/plain; version=0.0.4; charset=utf-8"),
}
_NOT_FOUND = wire.answer(b"404 Not Found", b'{"detail":"Not Found"}')
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_whole_answer = lru_cache(wire.whole_answer)


class Ticker:
    """Calls back at a time of the monotonic clock, to some 50 us. Source: timerfd_create(2)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(1, os.O_NONBLOCK | os.O_CLOEXEC)  # CLOCK_MONOTONIC
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._armed = 0
        loop.add_reader(self._fd, self._tick)

    def at(self, due_ns: int, call: Callable[[], None]) -> None:
        self._count += 1  # two calls at the same time are told apart by their turn
        heapq.heappush(self._due, (due_ns, self._count, call))
        self._arm()

    def _tick(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 8)
        now = monotonic_ns()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()
        self._armed = 0
        self._arm()

    def _arm(self) -> None:
        if self._due and self._due[0][0] != self._armed:
            self._armed = due = self._due[0][0]
            timer = (ctypes.c_long * 4)(0, 0, *divmod(max(due, 1), 1_000_000_000))
            self._libc.timerfd_settime(self._fd, 1, ctypes.byref(timer), None)  # TFD_TIMER_ABSTIME


class Happenings:
    """Which requests have arrived, and when the clients of which were gone."""

    def __init__(self) -> None:
        self.open = 0
        self.arrived: list[int] = []
        self.gone: dict[int, int] = {}

    def told(self) -> bytes:
        told = json.dumps({"open": self.open, "arrived": self.arrived, "gone": self.gone}).encode()
        self.arrived, self.gone = [], {}
        return told


class Connection(asyncio.Protocol):
    """One connection of a client: requests with Content-Length, one after the other."""

    def __init__(self, ticker: Ticker, happenings: Happenings) -> None:
        self._ticker = ticker
        self._happenings = happenings
        self._arrived = b""
        self._stream: Stream | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def connection_lost(self, exc: Exception | None) -> None:
        if self._stream is not None:
            self._stream.client_gone(monotonic_ns())

    def data_received(self, data: bytes) -> None:
        self._arrived += data
        self._answer_next()

    def _answer_next(self) -> None:
        while self._stream is None and (end := self._arrived.find(b"\r\n\r\n") + 4) > 3:
            length = _LENGTH.search(self._arrived, 0, end)
            whole = end + (int(length[1]) if length else 0)
            if len(self._arrived) < whole:
                return
            request, self._arrived = self._arrived[:whole], self._arrived[whole:]
            self._answer(request, request[end:])

    def _answer(self, request: bytes, body: bytes) -> None:
        if request.startswith(wire.CHAT):
            wish = Wish.of(body)
            if not wish.stream and not wish.first_us:
                self._transport.write(_whole_answer(wish.size))
                return
            self._stream = Stream(wish, self._transport, self._ticker, self._happenings, self._stream_ended)
        elif request.startswith(wire.WHO_HAS_GONE):
            self._transport.write(wire.answer(b"200 OK", self._happenings.told()))
        else:
            self._transport.write(_PAGES.get(request.split(b" ", 2)[1], _NOT_FOUND))

    def _stream_ended(self) -> None:
        self._stream = None
        self._answer_next()


class Stream:
    """One generation on its way: head at once (as vLLM), a role, `tokens` events, the end."""

    def __init__(
        self,
        wish: Wish,
        transport: asyncio.Transport,
        ticker: Ticker,
        happenings: Happenings,
        ended: Callable[[], None],
    ) -> None:
        self._wish = wish
        self._write = transport.write
        self._ticker = ticker
        self._happenings = happenings
        self._ended = ended
        self._is_left = False
        self._written = 0
        happenings.open += 1
        happenings.arrived.append(wish.id)
        self._began = monotonic_ns() + wish.first_us * 1000
        if wish.stream:
            self._write(wire.STREAM_HEAD)
        ticker.at(self._began, self._begin)

    def client_gone(self, now_ns: int) -> None:
        self._is_left = True
        self._happenings.open -= 1
        self._happenings.gone[self._wish.id] = now_ns

    def _begin(self) -> None:
        if self._is_left:
            return
        if self._wish.stream:
            self._write(wire.ROLE)
            asyncio.get_running_loop().call_soon(self._next)  # a write of its own
        else:
            self._write(_whole_answer(self._wish.size))
            self._end()

    def _next(self) -> None:
        if self._is_left:
            return
        self._written += 1
        if self._written >= self._wish.tokens:
            self._write(wire.LAST_TOKEN % monotonic_ns() + wire.END)
            self._end()
            return
        self._write(wire.TOKEN % monotonic_ns())
        self._ticker.at(self._began + self._written * self._wish.every_us * 1000, self._next)

    def _end(self) -> None:
        self._happenings.open -= 1
        self._ended()


async def serve() -> None:
    loop = asyncio.get_running_loop()
    ticker, happenings = Ticker(loop), Happenings()
    server = await loop.create_server(lambda: Connection(ticker, happenings), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
