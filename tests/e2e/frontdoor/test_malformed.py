"""Malformed and tricky requests over raw sockets: the answer, the connection afterwards, and what reached the engine.

Every row of `malformed_requests` is played twice, in one write and in small pieces. Afterwards three things are looked
at. The connection: it serves the next request with that request's answer, or it is closed and says nothing more. The
engine: it has seen the requests of the row and not a byte else. And the next client: its answer is its own.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from e2e.frontdoor.malformed_requests import MAX_BODY_BYTES, MAX_HEAD_BYTES, REQUESTS, TIMEOUT_S, Row, Then
from e2e.frontdoor.recording_engine import RecordingEngine

PATIENCE_S = 10.0
PIECE_BYTES = 7
LONG_BYTES = 2_000


@dataclass(frozen=True)
class Said:
    """One whole answer of ours."""

    status: int
    fields: dict[str, str]
    body: bytes


class Talk:
    """A connection that reads our answers as strictly as we read requests.

    On a bare socket: asyncio's streams give up reading when a write fails, and real clients do not.
    """

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw
        self._loop = asyncio.get_running_loop()
        self._read = b""

    async def send(self, data: bytes, piece_bytes: int | None = None) -> None:
        """Sends what it can: a server may have heard enough before the end."""
        try:
            for piece in _pieces(data, piece_bytes or len(data) or 1):
                await asyncio.wait_for(self._loop.sock_sendall(self._raw, piece), PATIENCE_S)
                if piece_bytes:
                    await asyncio.sleep(0)
        except ConnectionError:
            pass

    async def answer(self, *, head: bool = False) -> Said:
        text, self._read = (await self._until(lambda read: b"\r\n\r\n" in read)).split(b"\r\n\r\n", 1)
        line, *lines = text.decode("latin-1").split("\r\n")
        version, status, _ = line.split(" ", 2)
        assert version in ("HTTP/1.1", "HTTP/1.0")
        names = [each.partition(":")[0].lower() for each in lines]
        assert len(set(names)) == len(names), f"a field comes twice: {names}"
        fields = {each.partition(":")[0].lower(): each.partition(":")[2].strip() for each in lines}
        if int(status) == 100:
            assert not fields
            return Said(100, fields, b"")
        assert "transfer-encoding" not in fields
        length = 0 if head or int(status) == 204 else int(fields["content-length"])
        read = await self._until(lambda read: len(read) >= length)
        body, self._read = read[:length], read[length:]
        return Said(int(status), fields, body)

    async def rest(self) -> bytes:
        """Until the other side has closed; a reset closes as well, once every answer was read."""
        try:
            return await self._until(lambda read: False)
        except ConnectionError:
            return self._read

    async def _until(self, is_enough: Callable[[bytes], bool]) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            while not is_enough(self._read):
                arrived = await self._loop.sock_recv(self._raw, 65_536)
                if not arrived:
                    return self._read
                self._read += arrived
        return self._read


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.fixture
async def door(recorder, open_door) -> Any:
    door = await open_door(
        backend_url=recorder.url,
        max_active_generations="4",
        max_head_bytes=str(MAX_HEAD_BYTES),
        max_body_bytes=str(MAX_BODY_BYTES),
        head_timeout_s=str(TIMEOUT_S),
        body_idle_timeout_s=str(TIMEOUT_S),
    )
    await door.until_open()
    return door


@pytest.fixture
async def talk(door) -> AsyncIterator[Callable[[], Awaitable[Talk]]]:
    """`await talk()`: one more connection."""
    with ExitStack() as stack:

        async def connect() -> Talk:
            raw = stack.enter_context(socket.socket())
            raw.setblocking(False)
            await asyncio.get_running_loop().sock_connect(raw, door.frontdoor.address)
            return Talk(raw)

        yield connect


WHOLE = [(name, None) for name in REQUESTS]
IN_PIECES = [
    (name, PIECE_BYTES) for name, row in REQUESTS.items() if len(row.sent) == 1 and 1 < len(row.sent[0]) < LONG_BYTES
]


@pytest.mark.parametrize(
    ("name", "piece_bytes"), WHOLE + IN_PIECES, ids=lambda given: {None: "whole", PIECE_BYTES: "in pieces"}.get(given)
)
async def test_a_request_is_answered_and_nothing_is_smuggled(door, talk, recorder, name, piece_bytes) -> None:
    row = REQUESTS[name]
    one = await talk()
    said = await play(one, row, piece_bytes)
    assert [each.status for each in said] == list(row.answers)
    for each in said:
        look_at(each, row)
    if row.then is not Then.EITHER:
        await look_at_the_connection(one, row)
    await ask_for_another(door, await talk(), recorder)
    assert recorder.odd == []
    assert recorder.unread == b""
    assert [(seen.asked, seen.body) for seen in recorder.seen] == list(row.reached)
    for word in row.gone:
        assert word not in recorder.raw.lower()
    assert not [told for told in door.events("request") if told["outcome"] == "failed"]


async def play(one: Talk, row: Row, piece_bytes: int | None) -> list[Said]:
    """Sends the row and reads as many answers as it has, or fewer, when another than expected comes."""
    said: list[Said] = []
    for number, piece in enumerate(row.sent, start=1):
        await one.send(piece, piece_bytes)
        if number < len(row.sent):
            said.append(await one.answer(head=row.head))
    while len(said) < len(row.answers) and [each.status for each in said] == list(row.answers[: len(said)]):
        said.append(await one.answer(head=row.head))
    return said


async def look_at_the_connection(one: Talk, row: Row) -> None:
    """Kept: it serves the next request, and its answer is that request's own. Closed: there is nothing more."""
    if row.then is Then.CLOSED:
        assert await one.rest() == b""
        return
    await one.send(b"GET /status HTTP/1.1\r\nHost: door\r\nX-Request-Id: afterwards\r\n\r\n")
    after = await one.answer()
    assert (after.status, after.fields["x-request-id"]) == (200, "afterwards")


def look_at(said: Said, row: Row) -> None:
    """What holds for every answer: an id, and a body in the API's shape."""
    if said.status == 100:
        return
    assert said.fields["x-request-id"]
    assert said.fields["content-type"].startswith("application/json")
    if said.status >= 400 and not row.head:
        error = json.loads(said.body)["error"]
        assert error["code"]
        assert error["type"] == "invalid_request_error"
    if said.status == 405:
        assert said.fields["allow"]


async def ask_for_another(door, other: Talk, recorder: RecordingEngine) -> None:
    """The next client gets its own answer; by then whatever else was on its way to the engine has arrived there."""
    await other.send(b"GET /version HTTP/1.1\r\nHost: door\r\nX-Request-Id: another\r\n\r\n")
    said = await other.answer()
    assert json.loads(said.body) == {"asked": "GET /version", "id": "another"}
    assert recorder.seen.pop().request_id == "another"
    recorder.raw = recorder.raw[: recorder.raw.rindex(b"GET /version ")]
    await door.until(lambda: door.active == 0)
