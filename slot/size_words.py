"""Bytes in words for people: the same ones in a check, and in the plan of a switch."""

from __future__ import annotations


def size_words(count: int) -> str:
    """`113.0 GiB`, `1.5 MiB`."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 or count == 0 else f"{count / 2**20:.1f} MiB"
