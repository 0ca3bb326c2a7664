"""Speaks to systemd: `systemd` has the words, this sends them. Nothing here ever fails or waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from frontdoor.process import systemd

STATUS_S = 5.0


class Notifier:
    """Systemd's ear, or nobody's."""

    def __init__(self, notify_socket: str | None) -> None:
        """`notify_socket` is the value of NOTIFY_SOCKET; the library finds the address in the environment by itself."""
        self._notify: Callable[[str], None] | None = None
        self._status = ""
        if notify_socket:
            self._connect()

    def _connect(self) -> None:
        import sdnotify  # only where there is somebody to hear it: it costs a module

        speaker = sdnotify.SystemdNotifier()
        if speaker.socket is not None:
            # a systemd that is busy with itself must not stop the event loop; what does not fit is lost, as it may be
            speaker.socket.setblocking(False)
            self._socket = speaker.socket
            self._notify = speaker.notify

    @property
    def is_heard(self) -> bool:
        return self._notify is not None

    def ready(self) -> None:
        self._say(systemd.READY)

    def reloading(self) -> None:
        self._say(systemd.reloading(time.monotonic_ns()))

    def stopping(self, patience_s: float) -> None:
        """We end, within `patience_s`."""
        self._say(f"{systemd.STOPPING}\n{systemd.more_time(patience_s)}")

    def main_pid(self, pid: int) -> None:
        self._say(systemd.main_pid(pid))

    def status(self, text: str) -> None:
        """Said again only when it differs."""
        if text != self._status:
            self._status = text
            self._say(systemd.status(text))

    async def live(self, heartbeat_s: float | None, tell: Callable[[], str]) -> None:
        """Until cancelled: the heartbeat of this event loop, and what `tell` says of us."""
        pause_s = min(heartbeat_s or STATUS_S, STATUS_S)
        while True:
            if heartbeat_s is not None:
                self._say(systemd.WATCHDOG)
            self.status(tell())
            await asyncio.sleep(pause_s)

    def close(self) -> None:
        if self._notify is not None:
            self._notify = None
            self._socket.close()

    def _say(self, message: str) -> None:
        if self._notify is not None:
            # The library encodes Latin-1, systemd reads UTF-8: each byte goes through as a character of its own.
            self._notify(message.encode().decode("latin-1"))
