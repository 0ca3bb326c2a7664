"""What a connection may take of the server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take. Times in seconds; `max_connections_per_address` None: no limit of its own."""

    max_connections: int
    max_connections_per_address: int | None
    max_head_bytes: int
    head_timeout_s: float
    body_timeout_s: float
    body_idle_timeout_s: float
    keep_alive_s: float
    write_stall_timeout_s: float
