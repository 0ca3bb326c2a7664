"""A frontdoor that answers for ever, or byte by byte: no switch waits for its end."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from slot.switch import entrance
from slot.switch.door import Door, NobodyThere
from slot.switch.entrance import Entrance
from slot.switch.progress import Draining
from slot.switch.steps import Journal, NotDrained, Which

PROGRESS = b'{"reply":"progress","active":1,"waiting":0,"oldest_s":9.0}\n'


def keep_telling(listening: socket.socket, words: bytes, pause_s: float) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with suppress(OSError), connection:
                while True:
                    connection.sendall(words)
                    time.sleep(pause_s)


@contextmanager
def door(path: Path, words: bytes, pause_s: float = 0.0) -> Iterator[Door]:
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(path))
        listening.listen()
        teller = threading.Thread(target=keep_telling, args=(listening, words, pause_s))
        teller.start()
        yield Door(path)
        listening.shutdown(socket.SHUT_RDWR)
        teller.join()


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[Door]:
    with door(tmp_path / "s", PROGRESS) as telling:
        yield telling


def test_one_that_drips_is_no_faster_than_one_that_hangs(tmp_path: Path) -> None:
    with door(tmp_path / "s", b" ", 0.02) as dripping, pytest.raises(NobodyThere, match="no whole line .* 0.3 s"):
        Door(dripping.socket_path, patience_s=0.3).status()


@pytest.mark.parametrize("said", [{}, {"status": None}, {"status": {"frontdoor": 1}}, {"status": {"ok": True}}])
def test_one_without_a_status_is_no_frontdoor(tmp_path: Path, said: dict[str, object]) -> None:
    words = json.dumps({"reply": "done", **said}).encode() + b"\n"
    with door(tmp_path / "s", words) as other, pytest.raises(NobodyThere, match="tells no status"):
        other.status()


def test_a_line_without_an_end_fills_nobodys_memory(tmp_path: Path) -> None:
    with door(tmp_path / "s", b" " * 65536) as flooding, pytest.raises(NobodyThere, match="a line of more than"):
        flooding.status()


def test_a_drain_that_is_overdue_is_none(endless: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "OVERDUE_S", 0.05)
    told: list[Draining] = []
    journal = Journal(
        id="0000000a", request="b:drain-0:id-0000000a", came_from=None, to=Which("b", "b"), served=None, began_at=1.0,
        step_at=1.0,
    )  # fmt: skip
    ended = Entrance(endless, told.append, is_at_start=False).drain(journal)
    assert ended == NotDrained("1 request still there after 0 s, the oldest for 9 s")
    assert told


def test_progress_of_what_has_none_is_no_answer(endless: Door) -> None:
    for ask in (endless.status, endless.resume, lambda: endless.pause("x")):
        with pytest.raises(NobodyThere, match="no frontdoor"):
            ask()
