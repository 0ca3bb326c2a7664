"""What the tests of every kind share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest


def pytest_configure() -> None:
    """A script's `scripts/test &` is started deaf to SIGINT; the processes that tests interrupt would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def require() -> Callable[[object, str], None]:
    """`require(present, reason)`: skips the test where something outside of the project is not there.

    In CI it fails instead: a proof that did not run must not look like one that passed.
    """

    def check(present: object, reason: str) -> None:
        if present:
            return
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.fail(f"this must run in CI: {reason}", pytrace=False)
        pytest.skip(reason)

    return check
