"""Who comes to the frontdoor during a soak, and how each says it was treated.

A guest is a function of the address and of its own dice; it comes once and returns one word: `served`, `refused` (no
place was free), `told` (the engine failed, and that was said), `left`, or `shown out` (it had misbehaved, and was told
so). It raises `Complaint` for what must never happen: an end that looks like a success and is none, an answer that is
cut without a word, a status that fits nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

from soak.wire import Address, Answer, Connection, chat, connected, get

Guest = Callable[[Address, random.Random], Awaitable[str]]

FAULTS = (
    "die_mid_stream:how=fin",
    "die_mid_stream:how=rst",
    "die_before_head:how=rst",
    "stall_mid_stream",
    "broken_frame",
    "no_done",
    "error_event",
    "error_frame",
    "finish_abort",
)
NONSENSE = (
    b"BROKEN\r\n\r\n",
    b"GET /v1/models HTTP/1.1\r\n\r\n",
    b"GET /v1/models HTTP/1.1\r\nHost: door\r\nX: a\r\n b\r\n\r\n",
    b"POST /v1/completions HTTP/1.1\r\nHost: door\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /v1/completions HTTP/1.1\r\nHost: door\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /v1/completions HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /v1/models HTTP/1.1\r\nHost: door\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    b"\x16\x03\x01\x00\xc8" + b"\x5a" * 200,
)


class Complaint(Exception):
    """A guest was treated as nobody may be."""


def word_for(answer: Answer, *, stream: bool) -> str:
    """What an answer to a request without faults amounts to."""
    if answer.status == 503 and answer.code == "server_is_overloaded":
        return "refused"
    if answer.status != 200:
        raise Complaint(f"{answer.status} {answer.code}")
    if not answer.is_whole:
        raise Complaint(f"an answer was cut: {answer.body[-200:]!r}")
    if stream and (answer.has_error or not answer.is_done):
        raise Complaint(f"a stream without a fault ended wrongly: {answer.body[-200:]!r}")
    return "served"


async def patient(address: Address, dice: random.Random) -> str:
    async with connected(address) as one:
        await one.send(chat(tokens=dice.randint(1, 60)))
        return word_for(await one.answer(), stream=True)


async def patient_for_the_whole(address: Address, dice: random.Random) -> str:
    async with connected(address) as one:
        await one.send(chat(stream=False, tokens=dice.randint(1, 40)))
        return word_for(await one.answer(), stream=False)


async def regular(address: Address, dice: random.Random) -> str:
    """Asks again and again on one connection, sometimes before the answer."""
    async with connected(address) as one:
        requests = [chat(tokens=dice.randint(1, 10)) for _ in range(3)]
        if dice.random() < 0.3:
            await one.send(b"".join(requests))
            words = [word_for(await one.answer(), stream=True) for _ in requests]
        else:
            words = []
            for request in requests:
                await one.send(request)
                words.append(word_for(await one.answer(), stream=True))
        return words[-1]


async def heavy(address: Address, dice: random.Random) -> str:
    """Brings a large body, sometimes asking first whether it may."""
    async with connected(address) as one:
        request = chat(tokens=3, padding_bytes=dice.randint(1, 4) << 20)
        try:
            await one.send(request)
        except ConnectionError:
            pass  # refused on its head; the answer is there to be read
        return word_for(await one.answer(), stream=True)


async def leaves_in_prefill(address: Address, dice: random.Random) -> str:
    async with connected(address) as one:
        await one.send(chat(stream=dice.random() < 0.5, tokens=100))
        await asyncio.sleep(dice.random() * 0.02)
        return _leave(one, dice)


async def leaves_in_the_stream(address: Address, dice: random.Random) -> str:
    async with connected(address) as one:
        await one.send(chat(tokens=500))
        if b" 503 " in (await one.first_bytes())[:20]:
            return "refused"
        for _ in range(dice.randint(0, 20)):
            await one.reader.readline()
        return _leave(one, dice)


async def leaves_in_its_upload(address: Address, dice: random.Random) -> str:
    async with connected(address) as one:
        request = chat(padding_bytes=200_000)
        await one.send(request[: dice.randrange(len(request))])
        await asyncio.sleep(dice.random() * 0.05)
        return _leave(one, dice)


async def reads_slowly(address: Address, dice: random.Random) -> str:
    async with connected(address, receive_bytes=4096) as one:
        await one.send(chat(tokens=300))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_sip(one), dice.uniform(0.5, 4))
        return _leave(one, dice)


async def _sip(one: Connection) -> None:
    for _ in range(1000):
        await one.reader.read(64)
        await asyncio.sleep(0.01)


async def reads_nothing(address: Address, dice: random.Random) -> str:
    async with connected(address, receive_bytes=4096) as one:
        one.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await one.send(chat(tokens=1000))
        await asyncio.sleep(dice.uniform(0.5, 4))
        return _leave(one, dice)


async def meets_a_fault(address: Address, dice: random.Random) -> str:
    fault = dice.choice(FAULTS)
    async with connected(address) as one:
        await one.send(chat(tokens=20, fault=fault))
        answer = await one.answer()
    if answer.status == 503 and answer.code == "server_is_overloaded":
        return "refused"
    if answer.status in (502, 504):
        return "told"
    if answer.status != 200:
        raise Complaint(f"{fault}: {answer.status} {answer.code}")
    if answer.is_whole or answer.is_done or not answer.has_error:
        raise Complaint(f"{fault} looks like a success: {answer.body[-200:]!r}")
    return "told"


async def talks_nonsense(address: Address, dice: random.Random) -> str:
    async with connected(address) as one:
        try:
            await one.send(dice.choice(NONSENSE))
        except ConnectionError:
            pass
        answer = await one.answer()
        # some of it begins like a request, and finds no place
        if answer.status not in (400, 431) and answer.code != "server_is_overloaded":
            raise Complaint(f"nonsense was answered with {answer.status}")
        if not await one.is_closed():
            raise Complaint("nonsense was answered, and the connection kept")
        return "shown out"


async def never_finishes(address: Address, dice: random.Random) -> str:
    """A head, or a body, that stands still."""
    request = chat(padding_bytes=100)
    async with connected(address) as one:
        await one.send(request[: 30 if dice.random() < 0.5 else -50])
        answer = await one.answer()
        if answer.code == "server_is_overloaded":
            return "refused"
        if answer.status != 408:
            raise Complaint(f"half a request was answered with {answer.status}")
        return "shown out"


async def looks_in(address: Address, dice: random.Random) -> str:
    """A monitor."""
    async with connected(address) as one:
        for path in ("/health", "/status", "/metrics", "/v1/models", "/nowhere"):
            await one.send(get(path))
            answer = await one.answer()
            if answer.status != (404 if path == "/nowhere" else 200):
                raise Complaint(f"{path} was answered with {answer.status}")
        return "served"


def _leave(one: Connection, dice: random.Random) -> str:
    """With the end of the stream, or with a reset."""
    if dice.random() < 0.5:
        one.writer.transport.abort()
    return "left"


# how often each comes; together 100
GUESTS: dict[Guest, int] = {
    patient: 28,
    patient_for_the_whole: 10,
    regular: 8,
    heavy: 5,
    leaves_in_prefill: 10,
    leaves_in_the_stream: 14,
    leaves_in_its_upload: 5,
    reads_slowly: 3,
    reads_nothing: 2,
    meets_a_fault: 8,
    talks_nonsense: 4,
    never_finishes: 1,
    looks_in: 2,
}
