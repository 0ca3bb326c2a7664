"""Lines to a descriptor whose reader may stand still: held for a while, then dropped and counted; nobody waits.

A blocked stdout (a stopped journald, a pager, Ctrl-S) would otherwise stop every stream of the server at the next line.

    FLOWING            --it would block--> HELD           (asked again every RETRY_S)
    HELD               --no more room----> DROPPING       (what is held stays, what comes is counted)
    HELD or DROPPING   --all was taken---> FLOWING
    any                --nobody reads----> GONE           (everything is dropped)

The descriptor's own flags stay as they are: O_NONBLOCK belongs to the open file, and a terminal or a journal's socket
is shared with stderr and with other processes. A socket is told per call not to wait. Whatever else can block is asked
first, and is then given no more than PIPE_BUF bytes: a pipe with room takes those whole (pipe(7)).
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import stat
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import BinaryIO

MAX_HELD_BYTES = 256 << 10
RETRY_S = 0.05

# Takes what it can of these bytes without waiting, and returns how many. Raises OSError when nobody reads any more.
Take = Callable[[bytes], int]


class Flow(Enum):
    FLOWING = auto()
    HELD = auto()
    DROPPING = auto()
    GONE = auto()


class LineWriter:
    """Gathers the lines of one run of the event loop; one system call takes them all."""

    def __init__(self, take: Take) -> None:
        self.flow = Flow.FLOWING
        # lines that nobody will ever read
        self.dropped = 0
        self._take = take
        self._held = bytearray()
        self._next_flush: asyncio.Handle | None = None

    def __repr__(self) -> str:
        return f"<LineWriter {self.flow.name.lower()}, {len(self._held)} bytes held, {self.dropped} lines dropped>"

    def write(self, line: bytes) -> None:
        """Writes a line soon: with the others of this run of the loop, or at once where no loop runs."""
        if len(self._held) + len(line) > MAX_HELD_BYTES:
            self._make_room(len(line))
        if self.flow is Flow.DROPPING or self.flow is Flow.GONE:
            self.dropped += 1
            return
        self._held += line
        if self._next_flush is None:
            self._flush_soon()

    def flush(self) -> None:
        """Writes what is held, as far as it is taken without waiting."""
        if self._next_flush is not None:
            self._next_flush.cancel()
            self._next_flush = None
        if self.flow is Flow.GONE:
            return
        try:
            while self._held and (taken := self._take(bytes(self._held))):
                del self._held[:taken]
        except (OSError, ValueError):  # ValueError: a file object that was closed
            self._lose()
            return
        if not self._held:
            self.flow = Flow.FLOWING
            return
        if self.flow is Flow.FLOWING:
            self.flow = Flow.HELD
        self._flush_later()

    def close(self, timeout_s: float) -> None:
        """Waits for the reader, but not for longer than this; what it has not taken then is dropped.

        To be called when the loop has ended: the thread sleeps.
        """
        deadline = time.monotonic() + timeout_s
        self.flush()
        while self._held and time.monotonic() < deadline:
            # nothing is left to run that this could hold up; and a `Take` cannot be waited for, it may be no descriptor
            time.sleep(RETRY_S)
            self.flush()
        self._lose()

    def _make_room(self, size: int) -> None:
        if self.flow is Flow.FLOWING:
            self.flush()
        if self.flow is not Flow.GONE and len(self._held) + size > MAX_HELD_BYTES:
            self.flow = Flow.DROPPING

    def _lose(self) -> None:
        self.flow = Flow.GONE
        self.dropped += self._held.count(b"\n")
        self._held.clear()
        if self._next_flush is not None:
            self._next_flush.cancel()
            self._next_flush = None

    def _flush_soon(self) -> None:
        try:
            self._next_flush = asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:  # before the loop runs, or after it
            self.flush()

    def _flush_later(self) -> None:
        try:
            self._next_flush = asyncio.get_running_loop().call_later(RETRY_S, self.flush)
        except RuntimeError:
            pass  # the next line tries again


def outlet(stream: BinaryIO) -> Take:
    """How to write to this stream without waiting, by what it is. It stays open, and its owner's."""
    try:
        fd = stream.fileno()
    except (OSError, ValueError):  # in memory
        return stream.write
    mode = os.fstat(fd).st_mode
    if stat.S_ISSOCK(mode):
        return _Socket(fd).take
    if stat.S_ISREG(mode):  # a disk may be slow, but it never says that it would block
        return lambda data: os.write(fd, data)
    return _Pipe(fd).take


class _Socket:
    """What systemd gives a service for its stdout."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)

    def __del__(self) -> None:
        self._socket.detach()

    def take(self, data: bytes) -> int:
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0


class _Pipe:
    """A pipe, a terminal, or whatever else says by poll(2) whether it has room."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def take(self, data: bytes) -> int:
        return os.write(self._fd, data[: select.PIPE_BUF]) if self._poll.poll(0) else 0
