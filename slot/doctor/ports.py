"""Are the two ports free: the engine's on loopback, and the frontdoor's?

Only binding tells the truth (addresses, privileges, namespaces), so that is what is tried; the kernel's table then says
who is in the way.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slot.doctor.finding import Finding, fail, ok, warn
from slot.port_holder import Holder, busy, holder_of

CHECK = "ports"


@dataclass(frozen=True)
class Door:
    """One address to listen on. `whose` is "engine" or "frontdoor"; `setting` names what to change.

    `kept`: the port on which a socket unit of ours listens for it already; None: there is no such unit.
    """

    whose: str
    host: str
    port: int
    setting: str
    kept: int | None = None


def check(door: Door, proc: Path, is_ours: Callable[[Holder], bool]) -> Finding:
    """`is_ours` says whether a port's holder belongs to this very slot: then it is as it should be."""
    looked_at = f"{door.whose}'s {door.host}:{door.port}"
    if door.kept is not None:
        return _check_kept(door, looked_at, door.kept)
    refusal = bind_refusal(door.host, door.port)
    if refusal is None:
        return ok(CHECK, looked_at, "free", "a free port")
    if refusal.errno != errno.EADDRINUSE:
        return fail(
            CHECK, looked_at, f"cannot listen there: {refusal.strerror}", "a free port", f"change {door.setting}"
        )
    holder = holder_of(door.port, proc)
    if holder is not None and is_ours(holder):
        return ok(CHECK, looked_at, f"held by this slot: {holder}", "a free port, or this slot's own")
    return fail(CHECK, looked_at, busy(holder), "a free port", f"stop that process, or change {door.setting}")


def _check_kept(door: Door, looked_at: str, kept: int) -> Finding:
    """Under systemd the socket unit has the address, whatever a profile says; it keeps it while models change."""
    expected = "the port of the frontdoor's socket unit"
    if kept == door.port:
        return ok(CHECK, looked_at, "kept by the frontdoor's socket unit", expected)
    do = f"clients find it at port {kept}; change {door.setting}, or: slotctl install --port {door.port}"
    return warn(CHECK, looked_at, f"the frontdoor's socket unit listens on port {kept}", expected, do)


def bind_refusal(host: str, port: int) -> OSError | None:
    """Why nobody could listen there now; None where somebody could."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # as every server does: connections that linger after a stop are no obstacle, a listener still is
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as refusal:
        return refusal
    return None
