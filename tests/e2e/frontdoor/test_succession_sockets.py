"""A succession whose sockets the kernel, or the other process, does not give."""

from __future__ import annotations

import errno
import os
import socket
import sys

import pytest

from frontdoor.process import channel, listeners
from frontdoor.process.channel import Channel, Inherit
from frontdoor.process.hand_over import Successor
from frontdoor.process.inheritance import Predecessor
from frontdoor.process.listeners import NotListening
from frontdoor.process.succession import Event


def full(*_: object) -> None:
    raise OSError(errno.EMFILE, "Too many open files")


@pytest.mark.parametrize("owner", ["the pair", "the process", "the listeners"])
async def test_a_successor_without_its_sockets_has_failed(owner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sockets = listeners.bind("127.0.0.1", 0)
    told: list[Event] = []
    successor = Successor(sockets, told.append)
    match owner:
        case "the pair":
            monkeypatch.setattr(socket, "socketpair", full)
        case "the process":
            monkeypatch.setattr(os, "pidfd_open", full)
        case _:
            sockets.close()
    successor.start([sys.executable, "-c", ""], {})
    assert told == [Event.SUCCESSOR_FAILED]
    assert successor.why.startswith(f"cannot start {sys.executable}: ")
    assert successor.end() == []
    sockets.close()


async def test_sockets_that_cannot_be_used_are_told_to_whoever_waits_for_them() -> None:
    ours, theirs = channel.pair()
    old = Channel(ours, lambda message, sockets: None, lambda: None)
    new = Predecessor(theirs.detach())
    handed = listeners.bind("127.0.0.1", 0)
    old.send(Inherit(("control",)), list(handed.http))
    with pytest.raises(NotListening, match="found 0 for clients and 1 for commands"):
        await new.listeners()
    new.close()
    old.close()
    handed.close()
