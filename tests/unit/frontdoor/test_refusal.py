"""Refusals and the headers that go with them."""

from __future__ import annotations

import pytest

from frontdoor.refusal import Reason, Refusal


@pytest.mark.parametrize(
    ("retry_after_s", "seconds", "milliseconds"),
    [
        (0.0, "1", "1000"),
        (0.2, "1", "1000"),
        (1.0, "1", "1000"),
        (1.2, "2", "1200"),
        (29.5, "30", "29500"),
        (30.0, "30", "30000"),
        (400.0, "30", "30000"),
    ],
)
def test_the_time_to_wait_is_told_between_1_and_30_s(retry_after_s, seconds, milliseconds) -> None:
    refusal = Refusal(status=503, reason=Reason.LOADING, code="c", message="m", retry_after_s=retry_after_s)
    assert refusal.headers() == {"Retry-After": seconds, "retry-after-ms": milliseconds}


def test_a_refusal_that_waiting_cannot_mend_says_so() -> None:
    refusal = Refusal(status=503, reason=Reason.FAILED, code="c", message="m", retry_can_help=False)
    assert refusal.headers() == {"x-should-retry": "false"}
