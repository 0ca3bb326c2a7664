"""Two ends of the channel between a process and its successor, on real sockets."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest

from frontdoor.process import channel
from frontdoor.process.channel import AnyMessage, Channel, Connection, Inherit, Ready, Serve, Share
from frontdoor.process.succession import Held

PATIENCE_S = 10.0


class End:
    """What one side has got."""

    def __init__(self, end: socket.socket) -> None:
        self.messages: asyncio.Queue[AnyMessage | None] = asyncio.Queue()
        self.sockets: list[socket.socket] = []
        self.channel = Channel(end, self._on_message, lambda: self.messages.put_nowait(None))

    async def next(self) -> AnyMessage | None:
        """None: the other side is gone."""
        return await asyncio.wait_for(self.messages.get(), PATIENCE_S)

    def close(self) -> None:
        self.channel.close()
        for each in self.sockets:
            each.close()

    def _on_message(self, message: AnyMessage, sockets: list[socket.socket]) -> None:
        self.sockets += sockets
        self.messages.put_nowait(message)


@pytest.fixture
async def ends() -> Iterator[tuple[End, End]]:
    old, new = (End(end) for end in channel.pair())
    yield old, new
    old.close()
    new.close()


async def test_messages_arrive_whole_and_in_order(ends: tuple[End, End]) -> None:
    old, new = ends
    sent = [Serve(Held(3, 1, 4000), "new model", 4), Share(Held(2, 1, 1000)), Share(Held())]
    for message in sent:
        old.channel.send(message)
    assert [await new.next() for _ in sent] == sent
    new.channel.send(Ready())
    assert await old.next() == Ready()


async def test_sockets_go_over(ends: tuple[End, End]) -> None:
    old, new = ends
    ours, theirs = socket.socketpair()
    old.channel.send(Inherit(("http",)), [theirs])
    assert await new.next() == Inherit(("http",))
    assert theirs.fileno() == -1  # closed here: it is the other side's now
    (taken,) = new.sockets
    assert not taken.get_inheritable()
    taken.setblocking(True)
    ours.sendall(b"hello")
    assert taken.recv(10) == b"hello"
    ours.close()


async def test_a_side_that_reads_nothing_keeps_nobody_waiting(ends: tuple[End, End]) -> None:
    old, new = ends
    for _ in range(3000):
        ours, theirs = socket.socketpair()
        ours.close()
        old.channel.send(Connection(), [theirs])
        if len(os.listdir("/proc/self/fd")) > 900:  # the limit of an ordinary user is 1024
            break
    old.channel.send(Ready())
    while await new.next() != Ready():
        pass
    await asyncio.wait_for(old.channel.all_sent(), PATIENCE_S)


async def test_the_end_of_one_side_is_told_to_the_other_once(ends: tuple[End, End]) -> None:
    old, new = ends
    old.channel.send(Ready())
    old.channel.close()
    assert await new.next() == Ready()
    assert await new.next() is None
    new.channel.send(Ready())  # to nobody
    await asyncio.wait_for(new.channel.all_sent(), PATIENCE_S)
    assert new.messages.empty()


async def test_a_successor_of_a_newer_version_may_say_more() -> None:
    ours, theirs = channel.pair()
    end = End(ours)
    theirs.send(b'{"type":"share","held":[1,2,3],"mood":"good"}')
    assert await end.next() == Share(Held(1, 2, 3))
    theirs.send(b'{"type":"song"}')
    assert await end.next() is None
    theirs.close()
    end.close()
