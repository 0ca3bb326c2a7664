"""What a guest sends and reads: HTTP/1.1 by hand, because half of them are to break it off."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

Address = tuple[str, int]

PATIENCE_S = 60.0
CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Answer:
    """`is_whole`: it ended as its framing promised, and not only because the connection did."""

    status: int
    body: bytes
    is_whole: bool

    @property
    def is_done(self) -> bool:
        return b"data: [DONE]" in self.body

    @property
    def has_error(self) -> bool:
        return b'data: {"error":' in self.body

    @property
    def code(self) -> str:
        """The code of an error that is not streamed."""
        try:
            return str(json.loads(self.body)["error"]["code"])
        except (ValueError, KeyError, TypeError):
            return f"unreadable: {self.body[:80]!r}"


class Connection:
    """One connection of one guest."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def first_bytes(self) -> bytes:
        """The head of an answer."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def answer(self) -> Answer:
        """The whole answer, or as much as came of it."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.first_bytes()).lower()
            status = int(head.split()[1])
            if b"transfer-encoding: chunked" in head:
                return Answer(status, *await self._chunks())
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            try:
                return Answer(status, await self.reader.readexactly(length), True)
            except asyncio.IncompleteReadError as exc:
                return Answer(status, exc.partial, False)

    async def _chunks(self) -> tuple[bytes, bool]:
        body = bytearray()
        try:
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readexactly(2)
        except asyncio.IncompleteReadError:
            return bytes(body), False
        return bytes(body), True

    async def is_closed(self) -> bool:
        """Whether the other side ends it, with nothing more to say."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True


@asynccontextmanager
async def connected(address: Address, receive_bytes: int | None = None) -> AsyncIterator[Connection]:
    """A connection, closed at the end; `receive_bytes`: how much the kernel keeps for a guest that reads slowly."""
    raw = socket.socket()
    raw.setblocking(False)
    if receive_bytes is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    try:
        await asyncio.get_running_loop().sock_connect(raw, address)
        reader, writer = await asyncio.open_connection(sock=raw)
    except BaseException:
        raw.close()
        raise
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


def chat(*, stream: bool = True, tokens: int = 20, fault: str | None = None, padding_bytes: int = 0) -> bytes:
    """A chat request. `padding_bytes` are blanks behind the JSON: a large body that costs the engine nothing."""
    asked: dict[str, object] = {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": tokens,
        "ignore_eos": True,
        "stream": stream,
    }
    if fault is not None:
        asked["simulator_fault"] = fault
    body = json.dumps(asked).encode() + b" " * padding_bytes
    head = f"POST {CHAT} HTTP/1.1\r\nHost: door\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: door\r\n\r\n".encode()
