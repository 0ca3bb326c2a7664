"""A frontdoor that answers for ever: no switch waits for its end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from slot.switch import entrance
from slot.switch.door import Door, NobodyThere
from slot.switch.entrance import Entrance
from slot.switch.progress import Draining
from slot.switch.steps import Journal, NotDrained, Which

PROGRESS = b'{"reply":"progress","active":1,"waiting":0,"oldest_s":9.0}\n'


def keep_telling(listening: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with suppress(OSError), connection:
                while True:
                    connection.sendall(PROGRESS)


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[Door]:
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        teller = threading.Thread(target=keep_telling, args=(listening,))
        teller.start()
        yield Door(tmp_path / "s")
        listening.shutdown(socket.SHUT_RDWR)
        teller.join()


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
