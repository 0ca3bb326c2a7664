"""A simulated engine as a real process on a free port, for tests that want something to talk to."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from processes import PATIENCE_S, free_port

READY = "Application startup complete."


@dataclass
class SimulatedEngine:
    """A running `python -m slot.simulator`. `output`: what it wrote so far, stdout and stderr together."""

    process: subprocess.Popen[bytes]
    port: int
    output: list[str] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def text(self) -> str:
        return "".join(self.output)

    def wait_for(self, said: str) -> None:
        """Until `said` has been written. Fails after PATIENCE_S, or when the process ends without saying it."""
        with self._news:
            self._news.wait_for(lambda: said in self.text or self._ended, PATIENCE_S)
        assert said in self.text, f"never said {said!r}:\n{self.text}"

    def wait(self) -> int:
        """The exit code, once all that it wrote is here."""
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def get(self, path: str) -> tuple[int, bytes]:
        return self.request("GET", path)

    def post(self, path: str, body: Mapping[str, object]) -> tuple[int, bytes]:
        return self.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def open(self, path: str, body: Mapping[str, object]) -> socket.socket:
        """A connection on which the request was sent and nothing read yet: the bytes are what the test is about."""
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        text = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        )
        connection.sendall(head.encode() + text)
        return connection

    def metric(self, name: str) -> float:
        """The value of the first sample of that name."""
        _, text = self.get("/metrics")
        found = re.search(rf"^vllm:{re.escape(name)}(?:{{[^}}]*}})? (\S+)$", text.decode(), re.MULTILINE)
        assert found, f"no vllm:{name} in /metrics"
        return float(found[1])

    @property
    def children(self) -> list[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def follow(self) -> None:
        self._ended = False
        self._reader = threading.Thread(target=self._read, name=f"output of {self.process.pid}")
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            while chunk := os.read(stdout.fileno(), 65_536):
                with self._news:
                    self.output.append(chunk.decode("utf-8", "replace"))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


@contextmanager
def simulated_engine(
    *flags: str, ready: bool = True, environment: Mapping[str, str] | None = None
) -> Iterator[SimulatedEngine]:
    """Starts one with `flags`, waits until it serves (unless not `ready`), and leaves nothing of it behind."""
    port = free_port()
    words = [sys.executable, "-m", "slot.simulator", "serve", "models/tiny", "--port", str(port), *flags]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, **(environment or {})},
    )
    engine = SimulatedEngine(process, port)
    engine.follow()
    try:
        if ready:
            engine.wait_for(READY)
        yield engine
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        engine.wait()
