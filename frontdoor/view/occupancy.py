"""What a frontdoor holds at one moment, as one value: `status` and `gauges` tell of it. Nothing here decides."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from frontdoor.admission.admission import Admission
from frontdoor.record.call import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """Times are of `time.monotonic()`: `started` is the frontdoor's, `now` this moment's.

    `calls` are the open requests, `connections` the open connections; `generation_requests`, `connections_refused` and
    `log_lines_dropped` were counted since the start. `paused` is the reason that an admin gave to the control socket,
    None where nobody did; `checks_keys` says whether clients need one.
    """

    now: float
    started: float
    address: tuple[str, int]
    generations: Admission
    pooling: Admission
    calls: Collection[Call] = ()
    generation_requests: int = 0
    connections: int = 0
    connections_refused: int = 0
    log_lines_dropped: int = 0
    paused: str | None = None
    checks_keys: bool = False
