"""Server-sent events, framed as vLLM frames them: one event per chunk of the response.

Source: bytes recorded from vLLM 0.32 behind uvicorn; the format itself is the HTML standard's, section 9.2.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

DONE = b"data: [DONE]\n\n"
CONTENT_TYPE = "text/event-stream; charset=utf-8"

_encoder = msgspec.json.Encoder()


def encode(payload: Any, *, literal_nan: bool = False) -> bytes:
    """JSON as vLLM writes it. NaN becomes null, or, as a fault, the word NaN, which is not JSON."""
    if literal_nan:
        return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    return _encoder.encode(payload)


def frame(data: bytes, event: str | None = None, *, number: int | None = None) -> bytes:
    """One event. `event`: its name, where the API names its events; `number`: its id, which vLLM does not send."""
    name = b"" if event is None else b"event: " + event.encode() + b"\n"
    identity = b"" if number is None else b"id: %d\n" % number
    return name + identity + b"data: " + data + b"\n\n"


def half(framed: bytes) -> bytes:
    """A frame that broke off in the middle of its data."""
    return framed[: len(framed) // 2]
