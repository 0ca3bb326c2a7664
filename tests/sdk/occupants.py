"""Those who were here first: generations that hold a place for as long as a test wants them to."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from processes import PATIENCE_S
from sdk.apis import CHAT
from sdk.running_door import RunningDoor


@contextmanager
def occupants(door: RunningDoor, number: int = 1) -> Iterator[Callable[[], None]]:
    """`number` streams that stand still after their first token; what it yields makes them leave before the end."""
    try:
        with ExitStack() as stack:
            for _ in range(number):
                stack.enter_context(_standing_still(door))
            door.until_active(number)
            yield stack.close
    finally:
        door.until_active(0)  # whatever the test made of them, the next one finds an empty house


def _standing_still(door: RunningDoor) -> socket.socket:
    url = urlsplit(door.url)
    connection = socket.create_connection((url.hostname, url.port), PATIENCE_S)
    body = json.dumps(CHAT.body(stream=True, simulator_fault="stall_mid_stream:after_tokens=1")).encode()
    head = f"POST {CHAT.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection
