"""`kill -9` of the real engine: everybody is told within a second, and nothing is left."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import openai
import pytest

from slot.state import Lifecycle

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]


def test_an_engine_that_is_killed(stack: Any, client: openai.OpenAI) -> None:
    os.kill(stack.state().engine_pid, signal.SIGKILL)
    killed = time.monotonic()
    while (status := stack.ask("/status").json())["slot"]["state"] != "failed":
        assert time.monotonic() - killed < 1.0, "the frontdoor did not say so within a second"
    assert status["ok"] is False
    assert status["slot"]["failure"]["signal"] == "SIGKILL"
    assert stack.state().state is Lifecycle.FAILED

    with pytest.raises(openai.APIStatusError) as refused:
        client.completions.create(model="tiny-qwen3", prompt="x", max_tokens=1)
    assert refused.value.status_code == 503
    assert "retry-after" in refused.value.response.headers

    stack.process.send_signal(signal.SIGINT)
    assert stack.process.wait(60) == 1
    stack.until_nothing_is_left()
