"""What counts as the right answer to the canary."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import repeat
from typing import Any

import pytest

from slot.profiles.keys import Canary
from slot.switch import canary
from slot.switch.canary import Wrong, judge

CANARY = Canary(prompt="2 + 2 =", contains="Four")


def answer(**message: Any) -> dict[str, Any]:
    return {"choices": [{"message": message}]}


@pytest.mark.parametrize(
    "said",
    [answer(content="It is four."), answer(content="FOUR"), answer(content=None, reasoning_content="so, four")],
)
def test_right(said: dict[str, Any]) -> None:
    judge(said, CANARY)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (answer(content="!!!!!!"), "'!!!!!!', expected 'Four'"),
        (answer(content=None), "'', expected"),
        ({}, "no message"),
        ({"choices": []}, "no message"),
        ({"choices": [{}]}, "no message"),
    ],
)
def test_wrong(said: dict[str, Any], words: str) -> None:
    with pytest.raises(Wrong, match=words):
        judge(said, CANARY)


@contextmanager
def engine(*pieces: bytes) -> Iterator[str]:
    """One that answers one question with these pieces, a little apart; b"" is for ever."""

    def answer() -> None:
        connection, _ = listening.accept()
        with suppress(OSError), connection:
            asked = b""
            while not asked.endswith(b"\r\n\r\n{}"):
                asked += connection.recv(65536)
            for piece in pieces:
                for part in repeat(b"x") if piece == b"" else (piece,):
                    connection.sendall(part)
                    time.sleep(0.02)

    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        answering = threading.Thread(target=answer)
        answering.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        answering.join()


OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


def post(url: str) -> dict[str, Any]:
    return canary._post(url, "/v1/completions", {})


def test_an_answer_may_come_in_pieces() -> None:
    said = answer(content="four")
    with engine(OK, b"\r\n", *(bytes([each]) for each in json.dumps(said).encode())) as url:
        assert post(url) == said


@pytest.mark.parametrize("pieces", [(OK, b"X: ", b""), (OK, b"\r\n", b""), (OK, b"Content-Length: 99999\r\n\r\n", b"")])
def test_one_that_drips_is_late_all_the_same(pieces: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "TIMEOUT_S", 0.3)
    with engine(*pieces) as url, pytest.raises(Wrong, match=r"no whole answer within 0.3 s"):
        post(url)


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ((b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n",), "answered 302"),
        ((b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nlost",), "answered 500: lost"),
        ((OK, b"\r\n{"), "completions: "),
        ((b"what?",), "completions: "),
        ((), "completions: "),
    ],
)
def test_what_is_no_answer(pieces: tuple[bytes, ...], words: str) -> None:
    with engine(*pieces) as url, pytest.raises(Wrong, match=words):
        post(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1:80",
        "http://example.com:80",
        "https://127.0.0.1:18080",
        "file:///etc/shadow",
        "http://127.0.0.1",
        "http://127.0.0.1:18080/admin?x=",
        "http://me@127.0.0.1:18080",
        "http://127.0.0.1:99999",
        "http://[::1:18080",
        "",
    ],
)
def test_nobody_but_loopback_is_asked(url: str) -> None:
    with pytest.raises(Wrong, match="expected http on loopback"):
        post(url)
