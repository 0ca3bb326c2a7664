"""The frontdoor as a process of its own, as an installation has it: settings go in as variables, events come out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from processes import PATIENCE_S, until

Event = dict[str, Any]


class RunningDoor:
    """`url` is where it listens, as soon as it does; the base URL of an OpenAI client is `url` + /v1."""

    def __init__(self, process: subprocess.Popen[bytes], key: str) -> None:
        self._process = process
        self._key = key
        self._events: list[Event] = []
        self._news = threading.Condition()
        self._has_ended = False
        self._reader = threading.Thread(target=self._read, name=f"events of {process.pid}")
        self._reader.start()

    @cached_property
    def url(self) -> str:
        port = self.until(lambda event: event["event"] == "frontdoor_start")["port"]
        return f"http://127.0.0.1:{port}"

    def until(self, wanted: Callable[[Event], bool]) -> Event:
        """The first event that is wanted, now or as soon as it is told."""

        def found() -> Event | None:
            return next(filter(wanted, self._events), None)

        with self._news:
            self._news.wait_for(lambda: found() or self._has_ended, PATIENCE_S)
            event = found()
            assert event, f"{'it has ended' if self._has_ended else 'in vain'}; the last events: {self._events[-5:]}"
            return event

    def until_slot(self, reason: str | None, words: str = "") -> None:
        """Until the last that was told of the slot is this; `reason` None: a generation could start."""

        def is_so() -> bool:
            told = [event for event in self._events if event["event"] == "slot_changed"]
            return bool(told) and told[-1]["reason"] == reason and words in told[-1]["message"]

        with self._news:
            self._news.wait_for(lambda: is_so() or self._has_ended, PATIENCE_S)
            assert is_so(), f"the slot is not {reason!r}; the last events: {self._events[-5:]}"

    def until_open(self) -> None:
        self.until_slot(None)

    def end_of(self, request_id: str) -> Event:
        """What is told of a request when it is over and its place is free."""
        return self.until(lambda event: event.get("request_id") == request_id)

    def tries_of(self, request_id: str) -> list[Event]:
        with self._news:
            return [event for event in self._events if event.get("request_id") == request_id]

    @property
    def active(self) -> int:
        request = urllib.request.Request(f"{self.url}/status", headers={"Authorization": f"Bearer {self._key}"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return int(json.load(answer)["frontdoor"]["active_generations"])

    def until_active(self, number: int) -> None:
        until(
            lambda: self.active == number or None, lambda: f"{number} generations in the frontdoor, not {self.active}"
        )

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._news:
                    self._events.append(json.loads(line))
                    self._news.notify_all()
        with self._news:
            self._has_ended = True
            self._news.notify_all()


@contextmanager
def running_door(*, key: str = "none", **settings: object) -> Iterator[RunningDoor]:
    """Starts one; `max_active_generations=2` becomes FRONTDOOR_MAX_ACTIVE_GENERATIONS. At its end no place is taken.

    `key`: with which its own /status may be read.
    """
    bare = {name: text for name, text in os.environ.items() if not name.startswith("FRONTDOOR_")}
    told = {f"FRONTDOOR_{name.upper()}": str(value) for name, value in ({"port": 0} | settings).items()}
    process = subprocess.Popen([sys.executable, "-m", "frontdoor"], stdout=subprocess.PIPE, env=bare | told)
    door = RunningDoor(process, key)
    try:
        yield door
        door.until_active(0)
        assert door.stop() == 0
    finally:
        door.kill()
