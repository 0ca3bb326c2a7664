"""The frontdoor put together: every request comes in here, and every one is accounted for here.

    socket ─▶ aiohttp's parser ─▶ Frontdoor.handle ─▶ own answer (health, status, metrics)
                                                  └▶ relay ─▶ engine

aiohttp's router, application and middlewares are not used: the route table is ours (`routes`), and the low-level server
costs less per request.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic

import msgspec
from aiohttp import web

from frontdoor import headers, refusal
from frontdoor.call import Call, Outcome
from frontdoor.events import EventLog
from frontdoor.gate import Gate
from frontdoor.metrics import CONTENT_TYPE, Metrics
from frontdoor.openai_api import error_body
from frontdoor.refusal import Reason, Refusal, Refused
from frontdoor.relay import Relay
from frontdoor.request_body import leaves_body_unread
from frontdoor.routes import Dialect, Kind, Route, allowed_methods, find, split_target
from frontdoor.settings import Settings
from frontdoor.slot_watch import SlotWatch
from frontdoor.status import gauges, status
from frontdoor.upstream import Upstream

SWEEP_S = 5.0
WRITE_STALL_S = 60.0
CUT_TIMEOUT_S = 1.0

JSON = {"Content-Type": "application/json"}

logger = logging.getLogger(__name__)


class Frontdoor:
    """Answers requests until it is drained."""

    def __init__(self, watch: SlotWatch, upstream: Upstream, events: EventLog) -> None:
        self.watch = watch
        self.events = events
        self.gate = Gate(watch.settings.max_active_generations, watch.settings.max_waiting)
        self.generation_requests = 0
        self.calls: set[Call] = set()
        self.address = (watch.settings.host, watch.settings.port)
        self._relay = Relay(watch, self.gate, upstream)
        self.metrics = Metrics(lambda: gauges(watch, self.gate.admission, self.calls, monotonic()))
        watch.on_settings = self._apply

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request, from its head to the last byte of its answer."""
        call = self._begin(request)
        try:
            return await self._answer(call)
        except Refused as refused:
            return self._refuse(call, refused.refusal)
        except asyncio.CancelledError:
            if call.ending is not None:
                return self._refuse(call, call.ending)
            call.outcome = Outcome.CLIENT_LEFT
            raise
        except ConnectionError:  # the client was gone when its answer was written
            call.outcome = Outcome.CLIENT_LEFT
            call.hang_up()
            return web.Response()
        except Exception:  # one request's bug must not cost the others their server
            logger.exception("%s: request failed", call.request_id)
            return self._refuse(call, refusal.internal_error())
        finally:
            self._end(call)

    async def idle(self, grace_s: float) -> None:
        """Returns when no request is open, or after `grace_s`."""
        if self.calls:
            await asyncio.wait([call.task for call in self.calls], timeout=grace_s)

    async def cut_rest(self) -> int:
        """Ends what is still open with an error that its client can tell from an end; returns how many."""
        cut = list(self.calls)
        for call in cut:
            call.ending = refusal.shutting_down()
            call.task.cancel()
        if cut:
            await asyncio.wait([call.task for call in cut], timeout=CUT_TIMEOUT_S)
        return len(cut)

    def tell_start(self) -> None:
        settings = self.watch.settings
        self.events.emit(
            "frontdoor_start",
            host=self.address[0],
            port=self.address[1],
            backend=self.watch.backend_url,
            max_active_generations=settings.max_active_generations,
            profile=self.watch.profile_name,
        )

    def tell_stop(self, cut: int) -> None:
        self.events.emit("frontdoor_stop", cut_requests=cut)

    async def sweep(self) -> None:
        """Until cancelled: breaks off clients that have read nothing for WRITE_STALL_S; they hold a place."""
        while True:
            await asyncio.sleep(SWEEP_S)
            for call in self.calls:
                protocol = call.request.protocol
                taken_before, call.taken = call.taken, call.bytes_taken() if protocol.writing_paused else 0
                # a slow client is paused at every look as well, but it takes something in between
                stands_still = protocol.writing_paused and call.taken == taken_before
                call.stalled_s = call.stalled_s + SWEEP_S if stands_still else 0.0
                if call.stalled_s >= WRITE_STALL_S and protocol.transport is not None:
                    logger.warning("%s: client reads nothing, connection closed", call.request_id)
                    protocol.transport.abort()

    def _begin(self, request: web.BaseRequest) -> Call:
        task = asyncio.current_task()
        assert task is not None
        path, query = split_target(request.raw_path)
        call = Call(
            request=request,
            request_id=headers.request_id(request.headers.get(headers.REQUEST_ID)),
            path=path,
            query=query,
            client=request.remote or "",
            started=monotonic(),
            task=task,
        )
        call.own_headers = headers.ours(call.request_id, self.watch.settings.cors_allow_origin)
        self.calls.add(call)
        return call

    async def _answer(self, call: Call) -> web.StreamResponse:
        if call.request.method == "OPTIONS" and (allow := allowed_methods(call.path)):
            return self._reply(call, 204, b"", {"Allow": allow})
        found = find(call.request.method, call.path)
        if isinstance(found, Refusal):
            raise Refused(found)
        call.route = found
        if found.kind is Kind.OWN:
            return self._own(call, found)
        if found.kind is Kind.GENERATION:
            self.generation_requests += 1
        return await self._relay.relay(call, found)

    def _own(self, call: Call, route: Route) -> web.StreamResponse:
        if route.path == "/metrics":
            return self._reply(call, 200, self.metrics.text(), {"Content-Type": CONTENT_TYPE})
        if route.path == "/health":
            return self._health(call)
        return self._reply(call, 200, msgspec.json.encode(self._status()), JSON)

    def _health(self, call: Call) -> web.StreamResponse:
        if self.watch.closed is not None:
            raise Refused(self.watch.closed)
        return self._reply(call, 200, b'{"ok":true}', JSON)

    def _status(self) -> dict[str, object]:
        return status(self.watch, self.gate.admission, self.address, self.generation_requests)

    def _refuse(self, call: Call, refused: Refusal) -> web.StreamResponse:
        call.refused(refused)
        call.status = refused.status
        if call.request.writer.output_size > 0:
            # a second answer must never be written into the first
            call.hang_up()
        dialect = call.route.dialect if call.route else Dialect.OPENAI
        response = self._reply(call, refused.status, error_body(refused, dialect), JSON | refused.headers())
        if refused.reason is Reason.BODY_TIMEOUT:
            response.force_close()  # whatever comes late is not the next request
        return response

    def _reply(self, call: Call, code: int, body: bytes, more: dict[str, str]) -> web.Response:
        call.status = code
        response = web.Response(status=code, body=body, headers=call.own_headers | more)
        if leaves_body_unread(call.request):
            response.force_close()
        return response

    def _end(self, call: Call) -> None:
        self.calls.discard(call)
        call.ended = monotonic()
        self.metrics.count(call, self.watch.profile_name)
        if call.route is None or call.route.kind is not Kind.OWN:  # a monitor asks every few seconds
            self.events.request(profile=self.watch.profile_name, **call.event())

    def _apply(self, settings: Settings) -> None:
        self.gate.set_limits(settings.max_active_generations, settings.max_waiting)
        self.events.requests = settings.log_events
