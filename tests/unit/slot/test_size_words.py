"""Bytes, as admins read them."""

from __future__ import annotations

import pytest

from slot.size_words import size_words


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0.0 GiB"),
        (3 * 2**19, "1.5 MiB"),
        (2**30 - 2**20, "1023.0 MiB"),
        (2**30, "1.0 GiB"),
        (113 * 2**30, "113.0 GiB"),
    ],
)
def test_bytes_are_said_as_admins_read_them(count: int, said: str) -> None:
    assert size_words(count) == said
