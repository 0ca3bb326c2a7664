"""Whoever reads the frontdoor's stdout may stand still (a stopped journald): nobody waits for him."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from processes import PATIENCE_S, free_port

PIPE_BYTES = 4096
MANY = 3000  # lines of 200 bytes: more than the pipe and the frontdoor hold


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A frontdoor without an engine, with a narrow pipe for its stdout."""
    command = [sys.executable, "-m", "frontdoor", "--port", "0", "--backend-url", f"http://127.0.0.1:{free_port()}"]
    bare = {name: text for name, text in os.environ.items() if not name.startswith("FRONTDOOR_")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=bare, bufsize=0)
    assert process.stdout is not None
    with process.stdout as stdout:
        fcntl.fcntl(stdout.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def read(process: subprocess.Popen[bytes]) -> bytes:
    """What is in the pipe, as soon as there is something."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE_S)
    assert ready, "nothing was written"
    return os.read(process.stdout.fileno(), 1 << 20)


def events(text: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_reader_that_stands_still_stops_nobody(process: subprocess.Popen[bytes]) -> None:
    port = events(read(process))[0]["port"]
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as client:

        def get(path: str) -> bytes:
            client.request("GET", path)
            return client.getresponse().read()

        for _ in range(MANY):
            get("/nowhere")
        dropped = json.loads(get("/status"))["frontdoor"]["log_lines_dropped"]
        assert dropped > 0
        text = b""
        while text.count(b"/nowhere") < MANY - dropped:
            text += read(process)
        get("/somewhere")
        while not text.endswith(b"\n") or b"/somewhere" not in text:
            text += read(process)
    # that no engine answers may be told in between
    *told, gap, last = [line for line in events(text) if line["event"] != "slot_changed"]
    assert [line["path"] for line in told] == ["/nowhere"] * (MANY - dropped)
    assert (gap["event"], gap["lines"]) == ("lines_dropped", dropped)
    assert last["path"] == "/somewhere"
