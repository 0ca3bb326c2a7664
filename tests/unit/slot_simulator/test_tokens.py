from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slot.simulator import tokens, vectors


@given(st.text())
def test_decode_undoes_encode(text: str) -> None:
    assert tokens.decode(tokens.encode(text)) == text


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("ü", 1), ("a" * 4000, 1000)]
)
def test_four_bytes_are_a_token(text: str, count: int) -> None:
    assert len(tokens.encode(text)) == count


@given(st.lists(st.integers(0, 2**40)))
def test_any_number_reads_as_something(numbers: list[int]) -> None:
    assert isinstance(tokens.decode(numbers), str)


def test_end_of_text_is_silent() -> None:
    assert tokens.decode([tokens.END_OF_TEXT]) == ""


@given(st.lists(st.integers(0, 10**6)), st.integers(0, 99), st.integers(0, 999))
def test_a_voice_says_the_same_again(prompt: list[int], seed: int, position: int) -> None:
    first, again = tokens.voice(prompt, seed=seed), tokens.voice(list(prompt), seed=seed)
    assert first.token(position) == again.token(position)
    assert first.natural_length == again.natural_length


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"prompt": [1], "seed": 0}, {"prompt": [2], "seed": 0}),
        ({"prompt": [1], "seed": 0}, {"prompt": [1], "seed": 1}),
        ({"prompt": [1], "seed": 0}, {"prompt": [1], "seed": 0, "variation": 1}),
    ],
)
def test_different_voices_differ(one: dict[str, object], other: dict[str, object]) -> None:
    said = [[tokens.voice(**who).token(n) for n in range(20)] for who in (one, other)]  # type: ignore[arg-type]
    assert said[0] != said[1]


def test_a_voice_does_not_depend_on_the_process() -> None:
    program = "from slot.simulator import tokens as t; print([t.voice([1, 2], seed=3).token(n) for n in range(9)])"
    said = {subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in range(2)}
    assert said == {f"{[tokens.voice([1, 2], seed=3).token(n) for n in range(9)]}\n".encode()}


@pytest.mark.parametrize("count", [1, 2, 20])
def test_alternatives_begin_with_what_was_said(count: int) -> None:
    voice = tokens.voice([1], seed=0)
    alternatives = voice.alternatives(4, count)
    numbers = [number for _, number in alternatives]
    assert alternatives[0] == (voice.token(4), voice.logprob(4))
    assert len(alternatives) == count
    assert numbers == sorted(numbers, reverse=True)
    assert max(numbers) < 0


def test_pictures_cost_the_same_and_differ() -> None:
    red, blue = tokens.image_tokens("data:red"), tokens.image_tokens("data:blue")
    assert len(red) == len(blue) == 256
    assert red != blue
    assert red == tokens.image_tokens("data:red")


@pytest.mark.parametrize("text", ["", "hello"])
def test_embedding_has_length_one(text: str) -> None:
    vector = vectors.embedding(tokens.encode(text), seed=0)
    assert len(vector) == vectors.DIMENSIONS
    assert sum(number * number for number in vector) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("query", "document", "number"), [([1], [1], 2 / 3), ([1], [2], 1 / 3), ([], [], 0.5), ([1, 2], [2, 3], 0.5)]
)
def test_score(query: list[int], document: list[int], number: float) -> None:
    assert vectors.score(query, document) == pytest.approx(number)
