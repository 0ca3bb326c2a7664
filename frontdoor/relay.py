"""One request, from top to bottom: head, admission, body, engine, client.

Nothing of a body is read before the head has earned it. From there on a generation holds a ticket, and gives it back in
one place, whichever way it ends: answered, refused, cut, or left by its client (then aiohttp cancels the handler, the
engine's connection is closed on the way out, and the engine drops its work).

How an answer passes depends on what it is:

    an event stream   whole events as they arrive; what ends badly ends with an error event and no end of message
    a short body      is collected first, so that a loss is still a clear 502
    a long body       passes as it arrives; a loss breaks the connection, so that it cannot pass for whole
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic

from aiohttp import web
from multidict import CIMultiDict

from frontdoor import headers, refusal
from frontdoor.admission import Ticket
from frontdoor.call import Call, Outcome, Phase
from frontdoor.gate import Gate
from frontdoor.openai_api import APPLIED_HEADER, apply_defaults, error_event, hide_local_paths
from frontdoor.refusal import Refusal, Refused
from frontdoor.request_body import check_head, expects_continue, read_body, say_continue
from frontdoor.routes import Kind, Route
from frontdoor.settings import Settings
from frontdoor.slot_watch import SlotWatch
from frontdoor.sse import EventTooLarge, StreamReader, StreamState, read_fields, usages
from frontdoor.upstream import Answer, Loss, Upstream, UpstreamLost

SHORT_BODY_BYTES = 1 << 20

_REWRITES: Mapping[str, Callable[[bytes], bytes]] = {"/v1/models": hide_local_paths}


class Relay:
    """Carries requests to the engine and its answers back."""

    def __init__(self, watch: SlotWatch, gate: Gate, upstream: Upstream) -> None:
        self.watch = watch
        self.gate = gate
        self.upstream = upstream

    async def relay(self, call: Call, route: Route) -> web.StreamResponse:
        """The answer to a request that is the engine's to give. Raises Refused while nothing has been answered."""
        settings = self.watch.settings  # the same ones for the whole request, whatever changes meanwhile
        check_head(call.request, settings.max_body_bytes)
        if route.kind is Kind.GENERATION:
            return await self._generate(call, route, settings)
        self._require_open()
        if expects_continue(call.request):
            say_continue(call.request)
        body = await read_body(call.request, settings.max_body_bytes)
        return await self._exchange(call, route, body, settings)

    async def _generate(self, call: Call, route: Route, settings: Settings) -> web.StreamResponse:
        ticket = self.gate.ask(self.watch.closed)
        try:
            body = await self._take_in(call, ticket, settings)
            body, call.applied = apply_defaults(body, route, settings.request_defaults)
            return await self._exchange(call, route, body, settings)
        finally:
            self.gate.release(ticket)

    async def _take_in(self, call: Call, ticket: Ticket, settings: Settings) -> bytes:
        """The body, once the ticket is admitted.

        In line the body is read meanwhile: a client that leaves is noticed only while its bytes are read. A client that
        asks before it sends (100-continue) has nothing on the way, and is answered when its turn has come.
        """
        asks_first = expects_continue(call.request)
        body = b"" if asks_first else await read_body(call.request, settings.max_body_bytes)
        call.phase = Phase.QUEUED
        waited_s = monotonic() - call.started
        await self.gate.turn(ticket, settings.queue_timeout_s - waited_s, waited_s)
        call.admitted = monotonic()
        self._require_open()  # the slot may have gone while this one was in line
        if asks_first:
            call.phase = Phase.UPLOAD
            say_continue(call.request)
            body = await read_body(call.request, settings.max_body_bytes)
        return body

    async def _exchange(self, call: Call, route: Route, body: bytes, settings: Settings) -> web.StreamResponse:
        call.phase = Phase.PREFILL
        request = call.request
        onward = headers.to_engine(
            request.headers, request_id=call.request_id, client=call.client, host=request.headers.get("Host", "")
        )
        url = self.watch.backend_url + route.path + call.query
        try:
            async with self.upstream.send(
                route.method, url, onward, body, idle_timeout_s=settings.backend_timeout_s
            ) as answer:
                return await self._pass_on(call, route, answer, settings)
        except UpstreamLost as lost:
            raise Refused(self._refusal_of(lost, settings)) from lost

    async def _pass_on(self, call: Call, route: Route, answer: Answer, settings: Settings) -> web.StreamResponse:
        call.status = answer.status
        if answer.status >= 400:
            call.outcome = Outcome.REJECTED if answer.status < 500 else Outcome.ENGINE_FAILED
        rewrite = _REWRITES.get(route.path) if answer.status == 200 else None
        if answer.media_type == "text/event-stream" and answer.status == 200:
            return await self._pass_events(call, route, answer, settings)
        if rewrite or (answer.content_length is not None and answer.content_length <= SHORT_BODY_BYTES):
            return await self._pass_short(call, answer, rewrite)
        return await self._pass_long(call, answer, settings)

    async def _pass_events(self, call: Call, route: Route, answer: Answer, settings: Settings) -> web.StreamResponse:
        if "Content-Encoding" in answer.headers:
            raise Refused(refusal.upstream_protocol("compressed an event stream that it was asked not to compress"))
        call.stream = True
        reader = StreamReader(route.dialect)
        call.tokens = reader.tokens
        response = web.StreamResponse(status=answer.status, headers=self._head(call, answer))
        await response.prepare(call.request)
        trouble = await self._carry_events(call, answer, reader, response, settings)
        if trouble is not None:
            call.refused(trouble)
            if not reader.error_passed:
                await response.write(error_event(trouble, route.dialect))
            call.hang_up()
        return response

    async def _carry_events(
        self, call: Call, answer: Answer, reader: StreamReader, response: web.StreamResponse, settings: Settings
    ) -> Refusal | None:
        """Passes events on until the stream ends; returns what was wrong with the way it ended.

        Once its end mark has passed, a stream is whole, however the connection went after that.
        """
        try:
            while arrived := await answer.arrival():
                events = reader.feed(arrived)
                if events:
                    self._note_events(call)
                    await response.write(events)
                if reader.state is StreamState.FAILED:
                    return refusal.engine_error("gave this generation up")
            await response.write(reader.finish())
            trouble = refusal.upstream_disconnected("ended the stream without its end mark")
        except UpstreamLost as lost:
            trouble = self._refusal_of(lost, settings)
        except EventTooLarge as exc:
            trouble = refusal.upstream_protocol(f"sent {exc}")
        except asyncio.CancelledError:
            if call.ending is None:  # the client has left
                raise
            trouble = call.ending
        return None if reader.state is StreamState.DONE else trouble

    async def _pass_short(
        self, call: Call, answer: Answer, rewrite: Callable[[bytes], bytes] | None
    ) -> web.StreamResponse:
        pieces = []
        while arrived := await answer.arrival():
            call.first_byte = call.first_byte or monotonic()
            pieces.append(arrived)
        body = b"".join(pieces)
        if rewrite is not None:
            try:
                body = rewrite(body)
            except ValueError as exc:
                raise Refused(refusal.upstream_protocol(f"sent {exc}")) from exc
        fields = read_fields(body)
        for usage in usages(fields) if fields is not None else ():
            call.tokens.note(usage)
        return web.Response(status=answer.status, headers=self._head(call, answer), body=body)

    async def _pass_long(self, call: Call, answer: Answer, settings: Settings) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=self._head(call, answer))
        response.content_length = answer.content_length
        await response.prepare(call.request)
        try:
            while arrived := await answer.arrival():
                call.first_byte = call.first_byte or monotonic()
                await response.write(arrived)
        except UpstreamLost as lost:
            call.refused(self._refusal_of(lost, settings))
            call.hang_up()
        return response

    def _head(self, call: Call, answer: Answer) -> CIMultiDict[str]:
        head = headers.to_client(answer.headers)
        if call.applied:
            head[APPLIED_HEADER] = ", ".join(call.applied)
        head.update(call.own_headers)
        return head

    def _note_events(self, call: Call) -> None:
        now = monotonic()
        if call.first_event is None:
            call.phase = Phase.DECODE
            call.first_byte = call.first_event = now
        call.last_event = now
        call.events += 1

    def _require_open(self) -> None:
        if self.watch.closed is not None:
            raise Refused(self.watch.closed)

    def _refusal_of(self, lost: UpstreamLost, settings: Settings) -> Refusal:
        match lost.loss:
            case Loss.UNREACHABLE:
                return refusal.unreachable(self.watch.backend_url)
            case Loss.TIMEOUT:
                return refusal.upstream_timeout(settings.backend_timeout_s)
            case Loss.PROTOCOL:
                return refusal.upstream_protocol("broke the protocol")
            case Loss.DISCONNECTED:
                return refusal.upstream_disconnected("closed the connection before its answer was complete")
