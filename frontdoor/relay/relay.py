"""One admitted request, from top to bottom: its turn, its body, the engine, the client.

The head has been judged by `app`, which also took the ticket and gives it back, whichever way this ends. Nothing of a
body is read here before the ticket is admitted, beyond what one read of the socket brings.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from frontdoor import refusal
from frontdoor.admission.admission import TicketState
from frontdoor.admission.kv_estimate import kv_tokens
from frontdoor.answers.event_meaning import judge_whole
from frontdoor.answers.json_text import read, usages
from frontdoor.answers.openai_api import APPLIED_HEADER, hide_local_paths
from frontdoor.answers.sse import StreamReader
from frontdoor.engine.exchange import Answer, Carrier, UpstreamLost
from frontdoor.engine.upstream import Upstream
from frontdoor.http import answer_head, headers
from frontdoor.policy.request_policy import Asked, take
from frontdoor.record.call import Call, Outcome, Phase
from frontdoor.refusal import Refusal, Refused
from frontdoor.relay.carriers import BodyCarrier, Ending, EventCarrier, Flow, refusal_of
from frontdoor.routes import Kind, Route
from frontdoor.settings import Settings
from frontdoor.watch.slot_watch import SlotWatch

_IDENTITY = (None, b"identity")


class Relay:
    """Carries requests to the engine and its answers back; what is not answered here is raised as Refused."""

    def __init__(self, watch: SlotWatch, upstream: Upstream, next_free: Callable[[], float]) -> None:
        self.watch = watch
        self.upstream = upstream
        # False: keys are for us, and no business of the engine's
        self.keeps_keys = True
        self._next_free = next_free

    async def relay(self, call: Call, route: Route, ending: Ending) -> None:
        """Sends a request whose answer is the engine's to give; `ending` is told how the answer ended.

        Raises Refused, and whatever else, before it is sent: then the ending hears nothing.
        """
        settings = self.watch.settings  # the same ones for the whole request, whatever changes meanwhile
        if call.ticket is not None:
            if call.ticket.state is TicketState.WAITING:
                await self._turn(call, settings)
            else:
                call.admitted = monotonic()
        self._require_open(route)
        body = b""
        if route.method == "POST":
            body = await self._take_in(call, settings)
            asked = take(body, route, settings.body_policy, self.watch.served_name)
            body, call.applied, call.output_limit = asked.body, asked.applied, asked.output_tokens
            if route.kind is Kind.GENERATION:
                self._weigh(call, asked, route, settings)
                if call.ticket is not None and call.ticket.state is TicketState.WAITING:
                    await self._turn(call, settings)
                    self._require_open(route)
        await self._send(call, route, body, ending)

    async def _turn(self, call: Call, settings: Settings) -> None:
        """Waits until it is admitted: at first, or once more because its body asks for more than one place."""
        if call.gate is not None and call.ticket is not None:
            call.phase = Phase.QUEUED
            began = monotonic()
            left_s = settings.queue_timeout_s - call.queued_s
            await call.gate.turn(call.ticket, left_s, call.queued_s, self._next_free)
            call.admitted = monotonic()
            call.queued_s += call.admitted - began

    def _require_open(self, route: Route) -> None:
        """The slot may have gone since the head was judged."""
        if self.watch.closed is not None and not route.asks_closed:
            raise Refused(self.watch.closed)

    async def _take_in(self, call: Call, settings: Settings) -> bytes:
        call.phase = Phase.UPLOAD
        request = call.request
        if request.has_body:
            call.connection.take_body(request)
            if request.expects_continue:
                call.connection.say_continue(request)
        return await request.body(settings.max_body_bytes)

    def _weigh(self, call: Call, asked: Asked, route: Route, settings: Settings) -> None:
        """Charges what the body asks for; one that does not fit at once is back in line after it."""
        if call.gate is None or call.ticket is None:
            return
        tokens = 0
        if settings.token_admission:
            tokens = kv_tokens(
                prompt_bytes=asked.prompt_bytes,
                output_tokens=asked.output_tokens,
                generations=asked.generations,
                tokens_per_byte=settings.tokens_per_byte,
                max_model_len=self.watch.max_model_len,
            )
        call.weight = asked.generations
        if asked.generations > 1 or tokens:
            param = "n" if route.path != "/v1/completions" else "prompt"
            call.gate.weigh(call.ticket, asked.generations, tokens, self._next_free(), param)

    async def _send(self, call: Call, route: Route, body: bytes, ending: Ending) -> None:
        call.phase = Phase.PREFILL
        url = self.watch.backend_url
        head = headers.to_engine(
            call.head,
            method=route.method,
            target=(route.engine_path or route.path) + call.head.query,
            request_id=call.request_id,
            client=call.client,
            scheme=b"https" if self.watch.settings.tls_certificate else b"http",
            length=len(body),
            keep_key=self.keeps_keys,
        )
        try:
            call.exchange = await self.upstream.send(url, head, body, _Reception(self, call, route, ending))
        except UpstreamLost as lost:
            raise Refused(refusal_of(lost, url)) from lost

    def received(self, call: Call, route: Route, answer: Answer, ending: Ending) -> Carrier:
        """The head of the answer is there: who carries the rest."""
        call.status = answer.status
        if answer.status >= 400:
            call.outcome = Outcome.REJECTED if answer.status < 500 else Outcome.ENGINE_FAILED
        lines = _lines(call, answer)
        has_body = call.head.method != "HEAD"
        if answer.media_type == b"text/event-stream" and answer.status == 200 and has_body:
            return self._events(call, lines, answer, ending)
        return BodyCarrier(
            call,
            ending,
            begin=(lambda: call.connection.begin(answer.status, lines, answer.content_length)) if has_body else None,
            finish=lambda body: call.connection.answer(answer.status, lines, self._judged(call, route, answer, body)),
        )

    def _events(self, call: Call, lines: bytes, answer: Answer, ending: Ending) -> EventCarrier:
        call.stream = True
        reader = StreamReader(call.dialect)
        call.reader, call.tokens = reader, reader.tokens
        call.connection.begin(answer.status, lines, None)
        call.carrier = carrier = EventCarrier(call, reader, ending)
        Flow(call)
        return carrier

    def _judged(self, call: Call, route: Route, answer: Answer, body: bytes) -> bytes:
        """A whole body, once it is sure that every client can read it. Raises Refused."""
        if answer.status != 200:
            return body
        if answer.media_type != b"application/json":
            if route.kind is Kind.GENERATION:  # SDKs would hand it to their application as a text, without a word
                raise Refused(refusal.upstream_protocol("sent an answer that is neither JSON nor an event stream"))
            return body
        fields = read(body)
        if isinstance(fields, Refusal):
            raise Refused(fields)
        if route.kind is Kind.GENERATION and (trouble := judge_whole(fields, body)) is not None:
            raise Refused(trouble)
        if route.path == "/v1/models":
            try:
                return hide_local_paths(body, self.watch.settings.model_alias)
            except ValueError as exc:
                raise Refused(refusal.upstream_protocol(f"sent {exc}")) from exc
        for usage in usages(fields):
            call.tokens.note(usage)
        return body


class _Reception:
    """Waits for the head of the engine's answer: the `Receiver` of an exchange."""

    def __init__(self, relay: Relay, call: Call, route: Route, ending: Ending) -> None:
        self._relay = relay
        self._call = call
        self._route = route
        self._ending = ending

    def began(self, answer: Answer) -> Carrier:
        if answer.media_type == b"text/event-stream" and answer.content_encoding not in _IDENTITY:
            raise ValueError("a compressed event stream")  # for the exchange: it is no answer that can be carried
        return self._relay.received(self._call, self._route, answer, self._ending)

    def lost(self, lost: UpstreamLost) -> None:
        self._call.exchange = None
        self._ending(refusal_of(lost))


def _lines(call: Call, answer: Answer) -> bytes:
    """The header lines of the engine's answer and ours."""
    lines = headers.to_client(answer.fields) + call.lines
    if call.applied:
        lines += answer_head.lines([(APPLIED_HEADER.lower().encode(), ", ".join(call.applied).encode())])
    return lines
