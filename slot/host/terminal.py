"""One line for whoever waits at the terminal. On stderr: stdout belongs to data."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
