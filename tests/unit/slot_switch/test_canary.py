"""What counts as the right answer to the canary."""

from __future__ import annotations

from typing import Any

import pytest

from slot.profiles.keys import Canary
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
