"""What comes back from the engine: the head of its answer, who carries the rest, and whether a whole body is an answer.

The first that applies says who carries the rest:

    1. an event stream with 200, not to a HEAD   `EventCarrier`
    2. anything else                             `BodyCarrier`, which collects it first

A whole body is passed if it is what its route promises; the first that applies:

    1. another status than 200                   passes: the engine's own refusals are for its client
    2. no JSON, from a generation                refused: SDKs would hand it to their application without a word
    3. no JSON, from any other route             passes
    4. JSON that is broken, or no object         refused
    5. a generation that failed, or was given up refused
    6. the list of models                        passes without the paths of this machine
    7. any other                                 passes
"""

from __future__ import annotations

from frontdoor import refusal
from frontdoor.answers.event_meaning import judge_whole
from frontdoor.answers.json_text import read, usages
from frontdoor.answers.openai_api import APPLIED_HEADER, hide_local_paths
from frontdoor.answers.sse import StreamReader
from frontdoor.engine.answer import Answer, Carrier, UpstreamLost
from frontdoor.http import answer_head, headers
from frontdoor.record.call import Call, Outcome
from frontdoor.refusal import Refusal, Refused
from frontdoor.relay.body_carrier import BodyCarrier
from frontdoor.relay.ending import Ending, follow_client, refusal_of
from frontdoor.relay.event_carrier import EventCarrier
from frontdoor.routes import Kind, Route

_IDENTITY = (None, b"identity")


class Reception:
    """Waits for the engine's answer to one request: the `Receiver` of an exchange. `alias`: of the loaded model."""

    __slots__ = ("_alias", "_call", "_ending", "_route")

    def __init__(self, call: Call, route: Route, alias: str, ending: Ending) -> None:
        self._call = call
        self._route = route
        self._alias = alias
        self._ending = ending

    def began(self, answer: Answer) -> Carrier:
        """Raises ValueError: it is no answer that can be carried."""
        call = self._call
        is_stream = answer.media_type == b"text/event-stream"
        if is_stream and answer.content_encoding not in _IDENTITY:
            raise ValueError("a compressed event stream")
        call.status = answer.status
        if answer.status >= 400:
            call.outcome = Outcome.REJECTED if answer.status < 500 else Outcome.ENGINE_FAILED
        lines = _lines(call, answer)
        has_body = call.head.method != "HEAD"
        if is_stream and answer.status == 200 and has_body:  # 1
            return self._events(lines, answer.status)
        return BodyCarrier(  # 2
            call,
            self._ending,
            begin=(lambda: call.connection.begin(answer.status, lines, answer.content_length)) if has_body else None,
            finish=lambda body: call.connection.answer(answer.status, lines, self._judged(answer, body)),
        )

    def lost(self, lost: UpstreamLost) -> None:
        self._call.exchange = None
        self._ending(refusal_of(lost))

    def _events(self, lines: bytes, status: int) -> EventCarrier:
        call = self._call
        call.stream = True
        reader = StreamReader(call.dialect, call.tokens)
        call.connection.begin(status, lines, None)
        call.carrier = carrier = EventCarrier(call, reader, self._ending)
        follow_client(call)
        return carrier

    def _judged(self, answer: Answer, body: bytes) -> bytes:
        """A whole body, once it is sure that every client can read it. Raises Refused."""
        route = self._route
        if answer.status != 200:  # 1
            return body
        if answer.media_type != b"application/json":
            if route.kind is Kind.GENERATION:  # 2
                raise Refused(refusal.upstream_protocol("sent an answer that is neither JSON nor an event stream"))
            return body  # 3
        fields = read(body)
        if isinstance(fields, Refusal):  # 4
            raise Refused(fields)
        if route.kind is Kind.GENERATION and (trouble := judge_whole(fields, body)) is not None:  # 5
            raise Refused(trouble)
        if route.path == "/v1/models":  # 6
            try:
                return hide_local_paths(body, self._alias)
            except ValueError as exc:
                raise Refused(refusal.upstream_protocol(f"sent {exc}")) from exc
        for usage in usages(fields):
            self._call.tokens.note(usage)
        return body  # 7


def _lines(call: Call, answer: Answer) -> bytes:
    """The header lines of the engine's answer and ours."""
    lines = headers.to_client(answer.fields) + call.lines
    if call.applied:
        lines += answer_head.lines([(APPLIED_HEADER.lower().encode(), ", ".join(call.applied).encode())])
    return lines
