"""What an engine without a supervisor says of itself."""

from __future__ import annotations

import asyncio

import pytest

from frontdoor.engine.availability import Backend, BackendState
from frontdoor.engine.backend_probe import BackendProbe


async def look(models: bytes) -> Backend:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = models if b"/v1/models" in head else b""
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    probe = BackendProbe()
    try:
        return await probe.look(url, Backend(BackendState.UNREACHABLE, url))
    finally:
        probe.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("models", "name", "length", "is_alone"),
    [
        (b'[{"id":"m","max_model_len":2048}]', "m", 2048, True),
        (b'[{"id":"m","max_model_len":2048},{"id":"n","max_model_len":9}]', "m", 2048, False),
        (b'[{"id":"m"}]', "m", None, True),
        (b'[{"id":"m","max_model_len":null}]', "m", None, True),
        (b'[{"id":"m","max_model_len":"2048"}]', "m", None, True),
        (b'[{"id":"m","max_model_len":0}]', "m", None, True),
        (b"[]", None, None, False),
    ],
)
async def test_the_first_model_counts(models: bytes, name: str | None, length: int | None, is_alone: bool) -> None:
    backend = await look(b'{"data":%b}' % models)
    assert (backend.model, backend.max_model_len, backend.is_alone) == (name, length, is_alone)
