"""One admitted request on its way to the engine, from its ticket to the moment in which it is sent.

    start ──▶ its turn, ──▶ its body ──▶ judged ──▶ its turn, if ──▶ a connection, ──▶ sent
              if it is                              its body asks    if none is
              in line                               for too much     idle

Every step leads to the next at once where nothing has to be waited for. So nearly every request goes on in the run of
the loop in which its last byte came, from the client's socket to the engine's without a task. One that has to wait in
line, or for a new connection, does that in a task, and goes on from there.

The head has been judged by `app`, which also took the ticket and gives it back, whichever way this ends. A body is
asked for when the ticket is admitted; until then no more than `held_back_at` bytes of it are taken in. What comes back
from the engine is `reception`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from time import monotonic
from typing import Any

from frontdoor.admission.admission import TicketState
from frontdoor.admission.kv_estimate import kv_tokens
from frontdoor.engine.answer import UpstreamLost
from frontdoor.engine.exchange import Exchange
from frontdoor.engine.upstream import Upstream
from frontdoor.http import headers
from frontdoor.policy.request_policy import Asked, take
from frontdoor.record.call import Call, Phase
from frontdoor.refusal import Refused
from frontdoor.relay.ending import Ending, refusal_of
from frontdoor.relay.reception import Reception
from frontdoor.routes import Kind, Route
from frontdoor.watch.slot_watch import SlotWatch


class Relay:
    """What every request on its way has to know; `next_free` is how many seconds it is until a place is free."""

    def __init__(self, watch: SlotWatch, upstream: Upstream, next_free: Callable[[], float]) -> None:
        self.watch = watch
        self.upstream = upstream
        self.next_free = next_free
        # False: keys are for us, and no business of the engine's
        self.keeps_keys = True

    def start(self, call: Call, route: Route, ending: Ending) -> None:
        """Sends a request whose answer is the engine's to give; `ending` is told how it ended, wherever that was."""
        Passage(self, call, route, ending).start()


class Passage:
    """The way of one request. Its methods are the steps; each ends with the next one, or in `ending`."""

    __slots__ = ("_body", "_call", "_ending", "_relay", "_route", "_settings")

    def __init__(self, relay: Relay, call: Call, route: Route, ending: Ending) -> None:
        self._relay = relay
        self._call = call
        self._route = route
        self._ending = ending
        # the same ones for the whole request, whatever changes meanwhile
        self._settings = relay.watch.settings
        self._body = b""

    def start(self) -> None:
        call = self._call
        if _is_in_line(call):
            self._wait(partial(self._turn, self._take_in))
        else:
            if call.ticket is not None:
                call.admitted = monotonic()
            self._go(self._take_in)

    # ---- the steps ----

    def _take_in(self) -> None:
        self._require_open()
        if self._route.method != "POST":
            self._connect()
            return
        call = self._call
        call.phase = Phase.UPLOAD
        request = call.request
        if request.has_body:
            call.connection.take_body(request)
            if request.expects_continue:
                call.connection.say_continue(request)
        request.ask(self._settings.max_body_bytes, lambda: self._go(self._judge))

    def _judge(self) -> None:
        call, route = self._call, self._route
        asked = take(call.request.body(), route, self._settings.body_policy, self._relay.watch.served_name)
        self._body, call.applied, call.output_limit = asked.body, asked.applied, asked.output_tokens
        if route.kind is Kind.GENERATION:
            self._weigh(asked)
            if _is_in_line(call):
                call.admitted = None  # it runs no more
                self._wait(partial(self._turn, self._connect))
                return
        self._connect()

    def _connect(self) -> None:
        self._require_open()  # the slot may have gone while this was waiting
        self._call.phase = Phase.PREFILL
        head = self._head()
        exchange = self._relay.upstream.idle(self._relay.watch.backend_url)
        if exchange is None:
            self._wait(partial(self._send_anew, head))
        else:
            self._send(exchange, head)

    def _send(self, exchange: Exchange, head: bytes) -> None:
        call = self._call
        call.exchange = exchange
        alias = self._settings.model_alias
        exchange.send(head, self._body, Reception(call, self._route, alias, self._ending))

    def _head(self) -> bytes:
        call, route = self._call, self._route
        return headers.to_engine(
            call.head,
            method=route.method,
            target=(route.engine_path or route.path) + call.head.query,
            request_id=call.request_id,
            client=call.client,
            scheme=b"https" if self._settings.tls_certificate else b"http",
            length=len(self._body),
            keep_key=self._relay.keeps_keys,
        )

    # ---- where something has to be waited for ----

    async def _turn(self, then: Callable[[], None]) -> None:
        """Waits until it is admitted: at first, or once more because its body asks for more than one place."""
        call = self._call
        if call.gate is not None and call.ticket is not None:
            call.phase = Phase.QUEUED
            began = monotonic()
            left_s = self._settings.queue_timeout_s - call.queued_s
            await call.gate.turn(call.ticket, left_s, call.queued_s, self._relay.next_free)
            call.admitted = monotonic()
            call.queued_s += call.admitted - began
        call.waiter = None  # the next step may wait again
        then()

    async def _send_anew(self, head: bytes) -> None:
        url = self._relay.watch.backend_url
        try:
            exchange = await self._relay.upstream.connect(url)
        except UpstreamLost as lost:
            raise Refused(refusal_of(lost, url)) from lost
        self._call.waiter = None
        self._send(exchange, head)

    def _wait(self, waiting: Callable[[], Coroutine[Any, Any, None]]) -> None:
        call = self._call
        call.waiter = asyncio.get_running_loop().create_task(self._run(waiting), name=call.request_id)

    async def _run(self, waiting: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await waiting()
        except Exception as exc:
            self._ending.failed(exc)

    def _go(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as exc:
            self._ending.failed(exc)

    # ---- what they need ----

    def _require_open(self) -> None:
        """The slot may have gone since the head was judged."""
        closed = self._relay.watch.closed
        if closed is not None and not self._route.asks_closed:
            raise Refused(closed)

    def _weigh(self, asked: Asked) -> None:
        """Charges what the body asks for; one that does not fit at once is back in line after it."""
        call, settings = self._call, self._settings
        if call.gate is None or call.ticket is None:
            return
        tokens = 0
        if settings.token_admission:
            tokens = kv_tokens(
                prompt_bytes=asked.prompt_bytes,
                output_tokens=asked.output_tokens,
                generations=asked.generations,
                tokens_per_byte=settings.tokens_per_byte,
                max_model_len=self._relay.watch.max_model_len,
            )
        call.weight = asked.generations
        if asked.generations > 1 or tokens:
            param = "n" if self._route.path != "/v1/completions" else "prompt"
            call.gate.weigh(call.ticket, asked.generations, tokens, self._relay.next_free(), param)


def _is_in_line(call: Call) -> bool:
    return call.ticket is not None and call.ticket.state is TicketState.WAITING
