"""Requests as plain data, as the tests of what is told of them need them: no socket, no loop."""

from __future__ import annotations

import io

from frontdoor.admission.admission import Admission, Limits
from frontdoor.http.head import Head
from frontdoor.http.request import Request
from frontdoor.http.server import Server
from frontdoor.record.call import Call
from frontdoor.record.events import EventLog
from frontdoor.routes import Route, find
from frontdoor.settings import Settings
from frontdoor.view.occupancy import Occupancy
from frontdoor.watch.slot_watch import SlotWatch, Sources

CHAT = "/v1/chat/completions"
ARRIVED = 100.0


def call(path: str = CHAT, method: str = "POST", *, retry: bytes = b"", events: int = 0, **facts: object) -> Call:
    """A request from 10.0.0.7 that arrived at 100.0 and ended at 103.0, with these facts set."""
    connection = Server(Settings().connection_limits).connection()
    connection.address = "10.0.0.7"
    fields = [(b"x-stainless-retry-count", retry), (b"authorization", b"Bearer sk-secret")]
    head = Head(method=method, path=path, query="?key=sk-secret", fields=fields)
    made = Call(connection, Request(head), "r1", b"", ARRIVED)
    found = find(method, path)
    made.route = found if isinstance(found, Route) else None
    made.identity, made.ended = "10.0.0.7", 103.0
    made.intervals.note(ARRIVED, events)
    for name, value in facts.items():
        setattr(made, name, value)
    return made


def watch(settings: Settings | None = None) -> SlotWatch:
    """A watch that has not looked yet, and writes its events nowhere."""
    return SlotWatch(Sources({}, {}), settings or Settings(), None, EventLog(io.BytesIO()))


def occupancy(**facts: object) -> Occupancy:
    """An empty house at 110.0, started at 90.0, with these facts set."""
    plain: dict[str, object] = {
        "now": 110.0,
        "started": 90.0,
        "address": ("127.0.0.1", 8000),
        "generations": Admission(Limits(8)),
        "pooling": Admission(Limits(32), "pooling request"),
    }
    return Occupancy(**plain | facts)  # type: ignore[arg-type]
