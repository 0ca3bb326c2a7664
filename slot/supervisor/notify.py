"""What systemd is told of the slot: ready, stopping, a line of status, that it lives, and more time where it is needed.

Spoken only where NOTIFY_SOCKET is set (Type=notify); elsewhere these calls have no effect. Source: sd_notify(3).
"""

from __future__ import annotations

import sdnotify


class Notifier:
    """Systemd's ear, or nobody's."""

    def __init__(self, notify_socket: str | None) -> None:
        """`notify_socket` is the value of NOTIFY_SOCKET; the library finds the address in the environment by itself."""
        self._systemd = sdnotify.SystemdNotifier() if notify_socket else None
        self._status = ""

    def ready(self) -> None:
        self._say("READY=1")

    def stopping(self, patience_s: float) -> None:
        """The slot is on its way down, and may take so long before systemd loses its patience."""
        self._say("STOPPING=1")
        self.allow(patience_s)

    def alive(self) -> None:
        """The supervisor's own loop turns (WatchdogSec=): says nothing of the engine."""
        self._say("WATCHDOG=1")

    def status(self, text: str) -> None:
        """`text` is what `systemctl status` shows; said again only when it differs."""
        if text != self._status:
            self._status = text
            self._say(f"STATUS={text}")

    def allow(self, seconds: float) -> None:
        """Systemd's patience with the start or the stop, counted from now: it ends when nobody asks for more."""
        self._say(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def close(self) -> None:
        if self._systemd is not None and self._systemd.socket is not None:
            self._systemd.socket.close()

    def _say(self, message: str) -> None:
        if self._systemd is not None:
            # The library encodes Latin-1, systemd reads UTF-8: each byte goes through as a character of its own.
            self._systemd.notify(message.encode().decode("latin-1"))
