"""What systemd and the frontdoor say to each other: sockets handed in, and words of readiness, reload, life and end.

    LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES    sockets that are open already (sd_listen_fds(3))
    NOTIFY_SOCKET                             where to speak (sd_notify(3)); without it nothing is said
    WATCHDOG_USEC, WATCHDOG_PID               how often it wants to hear of us (sd_watchdog_enabled(3))

Each of them is meant for one process only, and says which: a variable that came down to us from another one's
environment is ignored, as the man pages ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FIRST_FD = 3
MAX_FDS = 64
UNNAMED = "unknown"  # what systemd itself says for a socket without a name

OURS = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID")


class BadEnvironment(ValueError):
    """A variable of systemd's that makes no sense: name, what was found, what was expected."""


@dataclass(frozen=True)
class PassedFd:
    """An open file that was handed in. `name` is its FileDescriptorName=."""

    fd: int
    name: str


def passed_fds(environment: Mapping[str, str], pid: int) -> list[PassedFd]:
    """The files that were handed to process `pid`, in systemd's order. Raises BadEnvironment."""
    if not hands_in(environment, pid):
        return []
    count = _number(environment, "LISTEN_FDS", MAX_FDS)
    names = environment.get("LISTEN_FDNAMES", "").split(":") if environment.get("LISTEN_FDNAMES") else []
    if names and len(names) != count:
        raise BadEnvironment(f"LISTEN_FDNAMES: found {len(names)} names, expected {count}, as in LISTEN_FDS")
    return [PassedFd(FIRST_FD + at, name) for at, name in enumerate(names or [UNNAMED] * count)]


def hands_in(environment: Mapping[str, str], pid: int) -> bool:
    """Whether process `pid` was handed any sockets; which, and whether they make sense, `passed_fds` says."""
    return environment.get("LISTEN_PID") == str(pid)


def heartbeat_s(environment: Mapping[str, str], pid: int) -> float | None:
    """How often to say that we live: half of what systemd waits for, as it advises. None: nobody waits.

    Raises BadEnvironment.
    """
    if not environment.get("WATCHDOG_USEC") or environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    return _number(environment, "WATCHDOG_USEC", 1 << 62) / 2_000_000


def without_ours(environment: Mapping[str, str]) -> dict[str, str]:
    """What a successor may inherit: the rest names this process."""
    return {name: value for name, value in environment.items() if name not in OURS}


def _number(environment: Mapping[str, str], name: str, most: int) -> int:
    text = environment.get(name, "")
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= most:
        raise BadEnvironment(f"{name}: found {text!r}, expected a number from 1 to {most}")
    return int(text)


READY = "READY=1"
STOPPING = "STOPPING=1"
WATCHDOG = "WATCHDOG=1"


def reloading(now_ns: int) -> str:
    """A reload begins, at `now_ns` of CLOCK_MONOTONIC; READY says that it is over."""
    return f"RELOADING=1\nMONOTONIC_USEC={now_ns // 1000}"


def status(text: str) -> str:
    """One line for `systemctl status`."""
    return f"STATUS={' '.join(text.split())}"


def more_time(seconds: float) -> str:
    """Asks for patience with a stop, counted from now."""
    return f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}"


def main_pid(pid: int) -> str:
    """Another process is the service now."""
    return f"MAINPID={pid}"
