"""Which release this is, as `/status` and `/metrics` say it."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """The installed version, or `unknown` where it runs from a directory that was never installed."""
    try:
        return metadata.version("b70-model-slot")
    except metadata.PackageNotFoundError:
        return "unknown"
