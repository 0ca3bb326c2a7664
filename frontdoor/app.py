"""The frontdoor put together: every request comes in here, and every one is accounted for here.

    socket ─▶ Connection (llhttp) ─▶ Frontdoor.handle ─▶ own answer (health, status, metrics), or a refusal
                                                     └▶ relay ─▶ engine

What can be decided on the head alone is decided at once, in this order; the first that fails answers:

    1. is it sane HTTP                    400, 417, 426
    2. host and origin                    400, 403 (a preflight of CORS must pass here as well)
    3. the route                          404
    4. the method                         405
    5. the key                            401
    6. what the head says of the body     400, 413, 415
    7. the slot's state                   503
    8. capacity                           503

The body decides the rest, in `relay`: its fields, its weight, the client's share.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from time import monotonic

import msgspec

from frontdoor import refusal
from frontdoor.access import api_keys, origin
from frontdoor.access.api_keys import ApiKeys, KeyHolder
from frontdoor.access.identity import client_of
from frontdoor.access.origin import OriginPolicy, own_names
from frontdoor.admission.admission import Limits, TicketState
from frontdoor.admission.gate import Gate
from frontdoor.answers.openai_api import error_body
from frontdoor.engine.answer import Loss, UpstreamLost
from frontdoor.engine.exchange import Exchange
from frontdoor.engine.upstream import Upstream
from frontdoor.http import answer_head, head_check, headers
from frontdoor.http.connection import Connection
from frontdoor.http.head import Head
from frontdoor.http.request import Request
from frontdoor.http.server import Server
from frontdoor.http.upload import check_upload
from frontdoor.record.call import Call, Outcome
from frontdoor.record.events import EventLog
from frontdoor.record.ledger import Ledger
from frontdoor.record.metrics import CONTENT_TYPE, Metrics
from frontdoor.refusal import Refusal, Refused
from frontdoor.relay.ending import Ending
from frontdoor.relay.expectation import Expectation
from frontdoor.relay.relay import Relay
from frontdoor.routes import Dialect, Kind, Route, allowed_methods, find, split_target
from frontdoor.settings import Settings
from frontdoor.view.gauges import gauges
from frontdoor.view.occupancy import Occupancy
from frontdoor.view.status import status
from frontdoor.watch.slot_watch import SlotWatch

CUT_TIMEOUT_S = 1.0
ABOUT_CLIENTS = ("queue", "clients", "requests")  # of `/status`: for admins, where there are keys
LINE_BYTES = 512 << 20  # of all the bodies in line

_JSON = b"content-type: application/json\r\n"

logger = logging.getLogger(__name__)


class Frontdoor:
    """Answers requests until it is drained."""

    def __init__(self, watch: SlotWatch, upstream: Upstream, server: Server, events: EventLog) -> None:
        self.watch = watch
        self.events = events
        self.server = server
        self.upstream = upstream
        # None: nobody has to have one
        self.keys: ApiKeys | None = None
        self.own_cap: int | None = None
        self._applied = watch.settings
        self.generation_requests = 0
        self.calls: set[Call] = set()
        self._one_ended = asyncio.Event()
        self.address = (watch.settings.host, watch.settings.port)
        self.started = monotonic()
        self.gate = Gate(self._generation_limits())
        self.pooling = Gate(self._pooling_limits(), "pooling request")
        self.metrics = Metrics(lambda: gauges(self.watch, self.occupancy()))
        self._next_free = Expectation(self.calls)
        self._ledger = Ledger(self._write_down)
        self._relay = Relay(watch, upstream, self._next_free)
        self._own_names = own_names()
        self._apply_to_heads(watch.settings)
        watch.on_settings = self._apply
        server.handler = self.handle
        server.spoiled = self.spoiled

    def handle(self, connection: Connection, request: Request) -> None:
        """One request whose head is there: answers it, or sends it on its way."""
        call = self._begin(connection, request)
        try:
            route = self._decide(call)
        except Refused as refused:
            self._finish(call, refused.refusal)
        except Exception as exc:  # one request's bug must not cost the others their server
            self._finish(call, exc)
        else:
            if route is None:
                self._end(call)
            else:
                self.calls.add(call)
                request.on_left = partial(self._left, call)
                self._relay.start(call, route, Ending(partial(self._finish, call)))

    def spoiled(self, connection: Connection, refused: Refusal) -> None:
        """Something arrived that is no request, or too late, or too much: says so."""
        self._finish(self._begin(connection, Request(Head(method=""))), refused)

    async def idle(self, grace_s: float | None = None) -> None:
        """Returns when none of the requests that are open now still is, or after `grace_s`."""
        waited_for = set(self.calls)
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                while waited_for & self.calls:
                    self._one_ended.clear()
                    await self._one_ended.wait()

    async def cut_rest(self) -> int:
        """Ends what is still open with an error that its client can tell from an end; returns how many."""
        still_open = list(self.calls)
        for call in still_open:
            self._cut(call, refusal.shutting_down())
        await self.idle(CUT_TIMEOUT_S)
        return len(still_open)

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

    def settle(self) -> None:
        """Counts and logs at once what has ended by now."""
        self._ledger.settle()
        self.events.flush()

    def tell_stop(self, cut: int) -> None:
        self.settle()
        self.events.emit("frontdoor_stop", cut_requests=cut)

    def status(self) -> dict[str, object]:
        """The body of `/status`."""
        return status(self.watch, self.occupancy())

    def occupancy(self) -> Occupancy:
        """What is held at this moment."""
        return Occupancy(
            now=monotonic(),
            started=self.started,
            address=self.address,
            generations=self.gate.admission,
            pooling=self.pooling.admission,
            calls=self.calls,
            generation_requests=self.generation_requests,
            connections=len(self.server.connections),
            connections_refused=self.server.refused_connections,
            log_lines_dropped=self.events.dropped,
            paused=self.watch.paused,
            checks_keys=self.keys is not None,
        )

    def set_keys(self, keys: ApiKeys | None) -> None:
        """Whose requests are answered from now on; None: everybody's."""
        self.keys = keys
        self._relay.keeps_keys = keys is None

    def set_own_cap(self, cap: int | None) -> None:
        """An admin's cap, until the profile changes; None: the profile's."""
        self.own_cap = cap
        self.gate.set_limits(self._generation_limits())

    def look(self, now: float) -> None:
        """Ends what takes too long on either side, and pings where it is silent; `now` is of time.monotonic()."""
        self.server.look(now)
        self.upstream.close_unused(now)
        settings = self.watch.settings
        for call in list(self.calls):
            if call.exchange is not None:
                try:
                    self._look_at(call, call.exchange, now, settings)
                except Exception:  # one request's bug must not end the time limits of all the others
                    logger.exception("%s: cannot be looked at", call.request_id)

    def _look_at(self, call: Call, exchange: Exchange, now: float, settings: Settings) -> None:
        if call.carrier is not None:
            call.carrier.look(now, settings.ping_interval_s)
        if exchange.silent_for(now) >= settings.backend_timeout_s:
            detail = f"sent nothing for {settings.backend_timeout_s:g} s"
            exchange.give_up(UpstreamLost(Loss.TIMEOUT, detail))

    # ---- one request ----

    def _begin(self, connection: Connection, request: Request) -> Call:
        head = request.head
        head.path, head.query = split_target(head.target)
        request_id = headers.request_id(head.get(b"x-request-id"))
        lines = b"x-request-id: %b\r\n%b" % (request_id.encode(), self._cors)
        return Call(connection, request, request_id, lines, monotonic())

    def _decide(self, call: Call) -> Route | None:
        """Where it goes, with a ticket where it needs one; None: it has been answered here. Raises Refused."""
        head = call.head
        refused = head_check.check(head) or origin.check(head, self._origins)  # 1, 2
        if refused is not None:
            if refused.status != 403:
                call.connection.end_after_answer()
            raise Refused(refused)
        if head.method == "OPTIONS" and (allow := allowed_methods(head.path)):
            self._reply(call, 204, b"allow: %b\r\n" % allow.encode(), b"")
            return None
        route = find(head.method, head.path)  # 3, 4
        if isinstance(route, Refusal):
            raise Refused(route)
        call.route = route
        if route.dialect is Dialect.ANTHROPIC:  # its SDKs read the id under this name
            call.lines += b"request-id: %b\r\n" % call.request_id.encode()
        holder = api_keys.check(head, route, self.keys)  # 5
        if isinstance(holder, Refusal):
            raise Refused(holder)
        call.identity = client_of(holder, head, self._session_header, call.client)
        if route.kind is Kind.OWN:
            self._own(call, route, holder)
            return None
        refused = check_upload(call.request, self.watch.settings.max_body_bytes)  # 6
        if refused is not None:
            raise Refused(refused)
        self._take_place(call, route)
        return route

    def _take_place(self, call: Call, route: Route) -> None:
        closed = None if route.asks_closed else self.watch.closed
        if route.kind is Kind.GENERATION:
            self.generation_requests += 1
            call.gate = self.gate
        elif route.method == "POST":
            call.gate = self.pooling
        elif closed is not None:  # 7
            raise Refused(closed)
        if call.gate is not None:
            call.ticket = call.gate.ask(call.identity, closed, self._next_free())  # 7, 8
            if call.ticket.state is TicketState.WAITING:
                # read in line as far as memory allows: only a client that is read from is noticed when it leaves
                call.request.held_back_at = LINE_BYTES // self.watch.settings.max_queued

    def _finish(self, call: Call, unsaid: Refusal | Exception | None) -> None:
        """It ends here, well or badly. `unsaid`: what the client has not been told yet; an exception is our bug."""
        if call.ended is not None:
            return
        call.drop_exchange()
        try:
            if isinstance(unsaid, Exception):
                logger.error("%s: request failed", call.request_id, exc_info=unsaid)
                self._refuse(call, refusal.internal_error())
            elif unsaid is not None:
                self._refuse(call, unsaid)
        finally:
            self._end(call)

    def _left(self, call: Call) -> None:
        """The client is gone. The engine is told first, in this very run of the loop: it is computing for nobody."""
        call.stop()
        call.outcome = Outcome.CLIENT_LEFT
        self._end(call)

    def _cut(self, call: Call, ending: Refusal) -> None:
        if call.carrier is not None:
            call.carrier.cut(ending)
        else:
            call.stop()
            self._finish(call, ending)

    def _own(self, call: Call, route: Route, holder: KeyHolder | None) -> None:
        self._ledger.settle()  # metrics and status tell of it
        if route.path == "/metrics":
            self._reply(call, 200, b"content-type: %b\r\n" % CONTENT_TYPE.encode(), self.metrics.text())
        elif route.path == "/health":
            if self.watch.closed is not None:
                raise Refused(self.watch.closed)
            self._reply(call, 200, _JSON, b'{"ok":true}')
        else:
            told = self.status()
            if not api_keys.sees_clients(holder):
                told = {key: value for key, value in told.items() if key not in ABOUT_CLIENTS}
            self._reply(call, 200, _JSON, msgspec.json.encode(told))

    def _refuse(self, call: Call, refused: Refusal) -> None:
        call.refused(refused)
        call.release()  # the client may ask again at once
        if call.connection.has_begun:
            # a second answer must never be written into the first
            call.connection.hang_up()
            return
        fields = ((name.lower().encode(), value.encode()) for name, value in refused.headers().items())
        self._reply(call, refused.status, _JSON + answer_head.lines(fields), error_body(refused, call.dialect))

    def _reply(self, call: Call, code: int, lines: bytes, body: bytes) -> None:
        call.status = code
        call.connection.answer(code, call.lines + lines, body)

    def _end(self, call: Call) -> None:
        """Where every request ends, whichever way it did."""
        self.calls.discard(call)
        self._one_ended.set()
        call.request.on_left = None
        call.carrier = None  # both know each other, and would wait for the collector
        call.release()
        call.ended = monotonic()
        self._ledger.add(call, self.watch.profile_name)

    def _write_down(self, call: Call, profile: str) -> None:
        self._next_free.note(call)
        self.metrics.count(call, profile)
        if call.route is None or call.route.kind is not Kind.OWN:  # a monitor asks every few seconds
            self.events.ended(call, profile)

    def _generation_limits(self) -> Limits:
        settings = self.watch.settings
        kv_tokens = self.watch.kv_cache_tokens if settings.token_admission else None
        return Limits(
            cap=self.own_cap or settings.max_active_generations,
            max_waiting=settings.max_waiting,
            per_client=settings.max_active_per_client,
            fair_share=settings.shares_fairly,
            kv_tokens=kv_tokens,
            busy_status=settings.busy_status,
        )

    def _pooling_limits(self) -> Limits:
        settings = self.watch.settings
        return Limits(cap=settings.max_active_pooling, busy_status=settings.busy_status)

    def _apply(self, settings: Settings) -> None:
        if settings != self._applied:
            self._applied, self.own_cap = settings, None
        self.gate.set_limits(self._generation_limits())
        self.pooling.set_limits(self._pooling_limits())
        self._apply_to_heads(settings)
        self.server.limits = settings.connection_limits
        self.events.requests = settings.log_events

    def _apply_to_heads(self, settings: Settings) -> None:
        self._cors = headers.cors(settings.cors_allow_origin, settings.session_header)
        self._origins = OriginPolicy.of(self._own_names, settings.allowed_hosts, settings.cors_allow_origin)
        self._session_header = settings.session_header.lower().encode()
