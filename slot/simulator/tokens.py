"""Text and tokens without a model: a reversible tokenizer, and words that only a seed and a prompt decide.

A token id is one of two kinds, so that no table of the past is needed to read it back:

    id < 2 * len(WORDS)   a word of the little language that the simulated model speaks; odd ids have a leading space
    id >= BYTES           up to four bytes of somebody's text: BYTES + (1 byte marker, then the bytes, big endian)

Four bytes per token is near what real tokenizers make of English, so context arithmetic stays believable.
Nothing here is random: the same seed, prompt and position always give the same token.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WORDS = tuple(
    "! . , the a of to in and is was for on that with as it at by from this be are or an not but they you all any "
    "can her will one our out day had has his how man new now old see two way who boy did its let put say she too "
    "use river stone light water garden morning winter summer road house letter paper number simple quiet long "
    "small great early late north south east west green blue red white dark open close carry begin end turn hold "
    "keep leave find follow listen answer question music window door table city field forest island mountain "
    "ocean storm wind rain snow fire earth sky star moon sun bird fish horse tree flower seed bread salt glass "
    "iron silver gold copper wood cloth colour sound voice name word story book page line circle square bridge "
    "tower market engine wheel signal path step pace rest slow swift gentle bright clear warm cold deep high low "
    "near far".split()
)
EXCLAMATION = 0
FULL_STOP = 2
END_OF_TEXT = 2 * len(WORDS)
BYTES = 1 << 16
BYTES_PER_TOKEN = 4

_MASK = (1 << 64) - 1
_MARKER = b"\x01"


def encode(text: str) -> list[int]:
    """Tokens of somebody's text; `decode(encode(text)) == text`."""
    raw = text.encode("utf-8", "surrogatepass")
    size = BYTES_PER_TOKEN
    return [BYTES + int.from_bytes(_MARKER + raw[at : at + size]) for at in range(0, len(raw), size)]


def token_bytes(token: int) -> bytes:
    """The bytes of one token. An id that nobody gave out reads as some word: a client may send any number."""
    if token == END_OF_TEXT:
        return b""
    if token >= BYTES:
        raw = (token - BYTES).to_bytes(8).lstrip(b"\x00")
        if raw[:1] == _MARKER and len(raw) <= 1 + BYTES_PER_TOKEN:
            return raw[1:]
    word = WORDS[(token // 2) % len(WORDS)]
    return (f" {word}" if token % 2 else word).encode()


def decode(tokens: Iterable[int]) -> str:
    return b"".join(token_bytes(token) for token in tokens).decode("utf-8", "replace")


def image_tokens(url: str, count: int = 256) -> list[int]:
    """What a picture costs: a fixed number of tokens, other ones for another picture, for the prefix cache's sake."""
    mark = zlib.crc32(url.encode("utf-8", "surrogatepass"))
    return [BYTES + int.from_bytes(_MARKER + ((mark + n) & 0xFFFFFFFF).to_bytes(4)) for n in range(count)]


def _mix(value: int) -> int:
    """One round of splitmix64 (Steele, Lea, Flood 2014): spreads consecutive numbers over 64 bits."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


@dataclass(frozen=True, slots=True)
class Voice:
    """What the simulated model says to one prompt: token by position, and where it would end of its own accord."""

    origin: int
    natural_length: int

    def token(self, position: int) -> int:
        spread = _mix(self.origin + position)
        if position % 12 == 11:
            return FULL_STOP
        word = 3 + spread % (len(WORDS) - 3)
        return 2 * word + (1 if position else 0)

    def logprob(self, position: int) -> float:
        return -(_mix(self.origin ^ position) % 20_000) / 10_000 - 0.01

    def alternatives(self, position: int, count: int) -> list[tuple[int, float]]:
        """The `count` most likely tokens, most likely first; the first of them is the one that was said."""
        said = (self.token(position), self.logprob(position))
        others = (2 * (3 + (said[0] // 2 + 7 * n) % (len(WORDS) - 3)) + 1 for n in range(1, count))
        return [said, *((token, said[1] - 0.125 * rank) for rank, token in enumerate(others, start=1))][:count]


def voice(prompt: Sequence[int], *, seed: int, variation: int = 0) -> Voice:
    """The model's answer to `prompt`. `seed`: the engine's; `variation`: 0 for greedy, else whatever sampling chose."""
    origin = _mix(hash(tuple(prompt)) & _MASK ^ _mix(seed) ^ _mix(variation << 20))
    return Voice(origin, natural_length=24 + origin % 200)
