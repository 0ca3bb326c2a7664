"""An engine that writes down every byte that reached it, reads it as strictly as can be, and says what it read.

A proxy that smuggles is one whose engine reads other requests than those it meant to send. So this one believes
nothing: what is not exactly a request with a plain length is `odd`, and each answer tells the line and the id of the
request that it answers, so that a client can see whether it got its own.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Self, cast

MODELS = b'{"object":"list","data":[{"id":"tiny","object":"model","root":"/srv/models/tiny","max_model_len":2048}]}'

_LINE = re.compile(rb"[A-Z]+ (/[!-~]*) HTTP/1\.1")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)")


class Odd(Exception):
    """What reached the engine is not what a proxy of ours may send."""


@dataclass(frozen=True)
class Reached:
    """One request. `asked`: its method and target; the names of `fields` in lower case."""

    asked: bytes
    fields: dict[bytes, bytes]
    body: bytes

    @property
    def request_id(self) -> str:
        return self.fields.get(b"x-request-id", b"").decode()

    @property
    def is_probe(self) -> bool:
        """Whether the frontdoor asks for itself: such requests have no id."""
        return b"x-request-id" not in self.fields


def read(data: bytes) -> tuple[Reached, bytes] | None:
    """The first request and what follows it, or None while it is not whole. Raises Odd."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    line, *lines = head.split(b"\r\n")
    if not _LINE.fullmatch(line):
        raise Odd(f"the request line {line!r}")
    fields: dict[bytes, bytes] = {}
    for each in lines:
        found = _FIELD.fullmatch(each)
        if not found:
            raise Odd(f"the field {each!r}")
        name = found[1].lower()
        if name in fields and name in (b"content-length", b"transfer-encoding", b"host", b"x-request-id"):
            raise Odd(f"a second {name!r}")
        fields[name] = found[2]
    if b"transfer-encoding" in fields or b"host" not in fields:
        raise Odd(f"the head {head!r}")
    length = fields.get(b"content-length", b"0")
    if not length.isdigit():
        raise Odd(f"the length {length!r}")
    if len(rest) < int(length):
        return None
    asked = line.removesuffix(b" HTTP/1.1")
    return Reached(asked, fields, rest[: int(length)]), rest[int(length) :]


@dataclass
class RecordingEngine:
    """Runs in `async with`.

    `seen`: the requests in order, the frontdoor's own questions left out. `raw`: every byte of theirs.
    """

    port: int = 0
    seen: list[Reached] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    raw: bytes = b""
    _server: asyncio.Server | None = None
    _open: set[_Connection] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def unread(self) -> bytes:
        """What is left of requests that never became whole."""
        return b"".join(connection.data for connection in self._open)

    def answer(self, request: Reached, transport: asyncio.Transport) -> None:
        """Tells the request that is answered; the list of models is one that the frontdoor can read."""
        body = json.dumps({"asked": request.asked.decode("latin-1"), "id": request.request_id}).encode()
        if request.asked.endswith(b" /v1/models"):
            body = MODELS
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        transport.write(head + body)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._open):
            connection.transport.abort()
        await self._server.wait_closed()


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, engine: RecordingEngine) -> None:
        self._engine = engine
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._engine._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._engine._open.discard(self)
        if self.data:
            self._engine.odd.append(f"left unfinished: {self.data!r}")

    def data_received(self, data: bytes) -> None:
        self.data += data
        try:
            while (found := read(self.data)) is not None:
                request, rest = found
                self._take(request, self.data[: len(self.data) - len(rest)])
                self.data = rest
        except Odd as exc:
            self._engine.odd.append(str(exc))
            self._engine.raw += self.data
            self.data = b""
            self.transport.abort()

    def _take(self, request: Reached, raw: bytes) -> None:
        if not request.is_probe:
            self._engine.seen.append(request)
            self._engine.raw += raw
        self._engine.answer(request, self.transport)
