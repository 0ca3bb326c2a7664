"""The bytes that client and emulator exchange: a chat request with its wishes in the prompt, and vLLM's answers.

The wishes stand in the prompt because any proxy carries a prompt. Every event carries the monotonic time at which it
was written (one clock for all processes of a machine), so the client knows how long it was on the way.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

MODEL: Final = "bench"
CHAT: Final = b"POST /v1/chat/completions "
WHO_HAS_GONE: Final = b"GET /bench/gone "

_WISH = re.compile(rb"bench id=(\d+) first_us=(\d+) every_us=(\d+) tokens=(\d+) size=(\d+)")
_STAMP = b"ts="
_STAMP_END = len(_STAMP) + 19
_END_OF_BODY = b"\r\n0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the emulator shall do: `tokens` events, the first after `first_us`, then one `every_us` microseconds.

    Without `stream`: one answer of about `size` bytes after `first_us`. `id` tells requests apart that are left.
    """

    stream: bool = True
    id: int = 0
    first_us: int = 0
    every_us: int = 0
    tokens: int = 16
    size: int = 1024

    def request(self) -> bytes:
        prompt = (
            f"bench id={self.id} first_us={self.first_us} every_us={self.every_us}"
            f" tokens={self.tokens} size={self.size}"
        )
        asked = {
            "model": MODEL,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": self.tokens,
            "temperature": 0,
            "stream": self.stream,
        }
        body = json.dumps(asked).encode()
        head = (
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nUser-Agent: bench\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        )
        return head % len(body) + body

    @staticmethod
    def of(body: bytes) -> Wish:
        """The wish in a request's body; the default one where there is none."""
        found = _WISH.search(body)
        stream = b'"stream": true' in body
        return Wish(stream, *map(int, found.groups())) if found else Wish(stream)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _event(delta: bytes, finish: bytes) -> bytes:
    return (
        b'data: {"id":"chatcmpl-a05557d0d512dc37","object":"chat.completion.chunk","created":1795197227,'
        b'"model":"bench","choices":[{"index":0,"delta":{' + delta + b'},"logprobs":null,"finish_reason":'
        b"" + finish + b',"token_ids":null}]}\n\n'
    )


# Filled in with `%`: the time of writing, 19 digits in nanoseconds.
_TOKEN = b'"content":"ts=%019d "'
_ROOM = len(b"%019d") - 19
_JUST_A_TOKEN = _event(_TOKEN, b"null")
_LAST_TOKEN = _event(_TOKEN, b'"length"')
TOKEN: Final = b"%x\r\n" % (len(_JUST_A_TOKEN) - _ROOM) + _JUST_A_TOKEN + b"\r\n"
LAST_TOKEN: Final = b"%x\r\n" % (len(_LAST_TOKEN) - _ROOM) + _LAST_TOKEN + b"\r\n"
ROLE: Final = chunk(_event(b'"role":"assistant","content":""', b"null"))
END: Final = chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ndate: Fri, 20 Nov 2026 17:53:46 GMT\r\nserver: uvicorn\r\n"
    b"content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
)


def whole_answer(size: int) -> bytes:
    """A chat completion as one JSON body of about `size` bytes, with its head."""
    body = (
        b'{"id":"chatcmpl-a05557d0d512dc37","object":"chat.completion","created":1795197227,"model":"bench",'
        b'"choices":[{"index":0,"message":{"role":"assistant","content":"%b"},"logprobs":null,"finish_reason":"length"}],'
        b'"usage":{"prompt_tokens":9,"total_tokens":25,"completion_tokens":16}}'
    )
    return answer(b"200 OK", body % (b"x" * max(size - len(body), 0)))


def answer(status: bytes, body: bytes, media_type: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 %b\r\nserver: uvicorn\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n"
    return head % (status, media_type, len(body)) + body


class Head:
    """What a client needs of an answer's head. `length` None: the body is chunked."""

    __slots__ = ("keeps_open", "length", "status")

    def __init__(self, head: bytes) -> None:
        self.status = int(head[9:12])
        fields = head.lower()
        found = re.search(rb"\r\ncontent-length: *(\d+)", fields)
        self.length = int(found[1]) if found else None
        self.keeps_open = b"\r\nconnection: close" not in fields


class EventScanner:
    """Finds the times in a stream's raw bytes, chunked coding and all, wherever a proxy has cut them."""

    __slots__ = ("_rest", "ended", "is_done")

    def __init__(self) -> None:
        self.is_done = False  # [DONE] was seen
        self.ended = False  # the body's own end was seen
        self._rest = b""

    def feed(self, data: bytes) -> list[int]:
        """The times of writing, in nanoseconds, of the events whose time has arrived whole with `data`."""
        data = self._rest + data
        stamps = []
        at = 0
        while (found := data.find(_STAMP, at)) >= 0 and found + _STAMP_END <= len(data):
            at = found + _STAMP_END
            stamps.append(int(data[found + len(_STAMP) : at]))
        self.is_done = self.is_done or b"[DONE]" in data
        self.ended = data.endswith(_END_OF_BODY)
        self._rest = data[max(at, len(data) - _STAMP_END) :]
        return stamps
