"""Embeddings and scores without a model: numbers that only the tokens decide, of the length and sign of real ones."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Sequence

from slot.simulator import tokens

DIMENSIONS = 256


def embedding(prompt: Sequence[int], *, seed: int) -> list[float]:
    """A vector of length 1; the same text has the same vector."""
    voice = tokens.voice(prompt, seed=seed)
    numbers = [voice.logprob(position) + 1.0 for position in range(DIMENSIONS)]
    length = math.sqrt(sum(number * number for number in numbers))
    return [number / length for number in numbers]


def as_base64(vector: Sequence[float]) -> str:
    """The floats as 32 bits, little endian: `encoding_format: base64`, which the OpenAI SDKs ask for by default."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def score(query: Sequence[int], document: Sequence[int]) -> float:
    """0..1: how many of the query's tokens are in the document, so that a reader can see why one came first."""
    wanted = set(query)
    return (1 + len(wanted & set(document))) / (2 + len(wanted))
